/**
 * What an application brings to the commands about its connection: what settings
 * there are, whether they work, and what is at the other end.
 *
 * It knows no provider; what is told is words of the provider's, made safe where
 * it is printed.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Problem from "./Problem.ts"
import * as Text from "./Text.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** A finding of a check. The names are stable: other programs read them. @category models @since 0.1.0 */
export interface Step {
  /** What was looked at, such as `address`. */
  readonly step: string
  /** Of steps about one object. */
  readonly object?: string
  /** `warn` is something to know, and no reason not to go on. */
  readonly status: "ok" | "warn" | "fail"
  /** What was found; unless it is `ok`, with what to do about it. */
  readonly message: string
}

/** An object at the other end. @category models @since 0.1.0 */
export interface Listed {
  readonly name: string
  readonly label: string
  readonly isCustom: boolean
  readonly isQueryable: boolean
  /** Its deletions are listed. */
  readonly isReplicable: boolean
}

/** @category models @since 0.1.0 */
export interface Field {
  readonly name: string
  readonly label: string
  /** In the provider's words. */
  readonly type: string
  readonly isCursor: boolean
  readonly isFilterable: boolean
  /** Its value changes without the record being changed. */
  readonly isFormula: boolean
  /** Why it is no part of a record; `undefined` when it is one. */
  readonly leftOut: string | undefined
  /** The column it gets; `undefined` when it gets none. */
  readonly column: string | undefined
}

/** @category models @since 0.1.0 */
export interface Described {
  readonly name: string
  readonly label: string
  /** The table it gets. */
  readonly table: string
  readonly fields: ReadonlyArray<Field>
}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class Connection extends Context.Service<
  Connection,
  {
    /** JSON Schemas: of the whole configuration file, and of what is below `source` in it. Needs no configuration. */
    readonly spec: { readonly file: object; readonly source: object }
    /** Tells each step as soon as it is known. What does not work is a step; a configuration that cannot be used, a problem. */
    readonly check: (tell: (step: Step) => Effect.Effect<void>) => Effect.Effect<void, Problem.Problem>
    readonly objects: Effect.Effect<ReadonlyArray<Listed>, Problem.Problem>
    readonly object: (name: string) => Effect.Effect<Described, Problem.Problem>
    /** The text of a configuration file to begin with. */
    readonly starter: (objects: ReadonlyArray<string>) => Effect.Effect<string, Problem.Problem>
  }
>()("@tidemark/cli/Connection") {}

// -----------------------------------------------------------------------------
// formatting
// -----------------------------------------------------------------------------

const colours = { ok: "green", warn: "yellow", fail: "red" } as const

/** For people. @category formatting @since 0.1.0 */
export const formatStep = (paint: Text.Paint, { message, object, status, step }: Step): string => {
  const what = object === undefined ? step : `${object} ${step}`
  return `${paint(colours[status], status.padEnd(4))}  ${Text.safe(what)}: ${Text.safe(message)}`
}

/** For people. @category formatting @since 0.1.0 */
export const formatListed = (paint: Text.Paint, one: Listed): string => {
  const facts = [
    ...(one.isCustom ? ["custom"] : []),
    ...(one.isQueryable ? [] : ["cannot be queried"]),
    ...(one.isReplicable ? [] : ["deletions are not listed"])
  ]
  const note = facts.length === 0 ? "" : paint("dim", `  (${facts.join(", ")})`)
  return `${Text.safe(one.name).padEnd(nameMax)}  ${Text.safe(Text.clip(one.label, labelMax))}${note}`
}

/** For people. @category formatting @since 0.1.0 */
export const formatField = (paint: Text.Paint, one: Field): string => {
  const facts = [
    ...(one.isCursor ? ["cursor"] : []),
    ...(one.isFilterable ? [] : ["no filter"]),
    ...(one.isFormula ? ["formula: its changes move no stamp"] : []),
    ...(one.leftOut === undefined ? [] : [`left out: ${Text.safe(one.leftOut)}`])
  ]
  const note = facts.length === 0 ? "" : paint("dim", `  (${facts.join(", ")})`)
  const column = one.column === undefined ? "" : `  ${Text.safe(one.column)}`
  return `  ${Text.safe(one.name).padEnd(nameMax)}  ${Text.safe(one.type).padEnd(typeMax)}${column}${note}`
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const nameMax = 32
const labelMax = 60
const typeMax = 14
