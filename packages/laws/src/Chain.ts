/**
 * The story of one record, told by its applied changes alone: replayed patch by
 * patch, beside whatever wrote them.
 *
 * @since 0.1.0
 */
import type * as History from "./History.ts"

/** @category models @since 0.1.0 */
export interface Fault {
  readonly kind: "Doubled" | "Gap" | "BrokenChain" | "Alternation" | "OutOfOrder"
  readonly message: string
}

/** @category models @since 0.1.0 */
export interface Chain {
  readonly faults: ReadonlyArray<Fault>
  /** What the record looks like after each revision; `undefined` where only the table knows. */
  readonly states: ReadonlyMap<number, History.Fields | null | undefined>
  /** What it looks like in the end; `undefined` when only the table knows. */
  readonly last: History.Fields | null | undefined
}

/**
 * Replays the applied items of one record. `refusals` is how many of its changes
 * were refused: each may have used up a revision.
 *
 * @category constructors
 * @since 0.1.0
 */
export const replay = (items: ReadonlyArray<History.Item>, refusals = 0): Chain => {
  const faults: Array<Fault> = []
  const states = new Map<number, History.Fields | null | undefined>()
  const find = (kind: Fault["kind"], message: string) => faults.push({ kind, message })
  let state: History.Fields | null | undefined = null
  let revision = 0
  let gaps = 0
  for (const item of items.toSorted((a, b) => (a.revision ?? 0) - (b.revision ?? 0))) {
    const next = item.revision ?? 0
    const text = `revision ${next} (${item.operation})`
    if (next === revision) find("Doubled", `${text} was applied twice`)
    gaps += Math.max(0, next - revision - 1)
    if (next > revision + 1 && gaps > refusals) find("Gap", `${text} follows revision ${revision}`)
    revision = next
    for (const message of misfits(item, state)) find("BrokenChain", `${text}: ${message}`)
    const disorder = alternation(item, state)
    if (disorder !== undefined) find("Alternation", `${text}: ${disorder}`)
    state = after(item, state)
    states.set(next, state)
  }
  return { faults, states, last: state }
}

/** Two JSON values as one text each, whatever the order of their keys. @category formatting @since 0.1.0 */
export const textOf = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(textOf).join(",")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined"
  const entries = Object.entries(value).filter(([, one]) => one !== undefined)
  return `{${entries
    .map(([key, one]) => `${JSON.stringify(key)}:${textOf(one)}`)
    .toSorted()
    .join(",")}}`
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const misfits = (item: History.Item, state: History.Fields | null | undefined): ReadonlyArray<string> =>
  state === undefined
    ? []
    : Object.entries(item.patch ?? {}).flatMap(([name, { before }]) => {
        const was = state === null || !Object.hasOwn(state, name) ? undefined : state[name]
        return textOf(was) === textOf(before)
          ? []
          : [`${name} is said to have been ${textOf(before)}, and was ${textOf(was)}`]
      })

const alternation = ({ operation }: History.Item, state: History.Fields | null | undefined): string | undefined => {
  if (state === undefined) return undefined
  if (operation === "Created" && state !== null) return "the record was there already"
  if ((operation === "Updated" || operation === "Deleted") && state === null) return "the record was not there"
  return operation === "Adopted" && state !== null ? "the record was known already" : undefined
}

const after = (
  { operation, patch }: History.Item,
  state: History.Fields | null | undefined
): History.Fields | null | undefined => {
  if (operation === "Drift") return undefined
  if (operation === "Deleted") return null
  if (state === undefined && operation === "Updated") return undefined
  const fields: Record<string, History.Fields[string]> = { ...state }
  for (const [name, { after }] of Object.entries(patch ?? {})) {
    if (after === undefined) delete fields[name]
    else fields[name] = after
  }
  return fields
}
