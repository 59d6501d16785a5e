/**
 * What an application says about the events of a type: who they concern, where
 * they go, and what they carry.
 *
 * A definition has a version. Whoever reads an event that was written by an older
 * one gets its payload through the upcasters, one version after the other. Fields
 * marked with `secret` are removed before an event is stored, so they are optional
 * to whoever reads it.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type * as Event from "./Event.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export type Tier = "domain" | "audit"

/** From the payload of one version to that of the next. @category models @since 0.1.0 */
export interface Upcaster<A, B> {
  readonly schema: Schema.Codec<A, unknown>
  readonly up: (payload: A) => B
}

/** Any upcaster, whatever its payloads. @category models @since 0.1.0 */
export interface AnyUpcaster {
  readonly schema: Schema.Top
  readonly up: (payload: never) => unknown
}

/** @category models @since 0.1.0 */
export interface Definition<Type extends string = string, P = unknown, T extends Tier = Tier> {
  readonly type: Type
  readonly tier: T
  readonly direction: Event.Direction
  /** The aggregate, the source, or the destination: keys are keys of it. */
  readonly entity: string
  /** Starts at 1. */
  readonly version: number
  readonly payload: Schema.Codec<P, unknown>
  /** One for each older version, the oldest first. */
  readonly upcasters: ReadonlyArray<AnyUpcaster>
}

/** Any definition, whatever its payload. @category models @since 0.1.0 */
export interface Any extends Omit<Definition, "payload"> {
  readonly payload: Schema.Top
}

/** What consumers can ask for. @category models @since 0.1.0 */
export interface Domain extends Any {
  readonly tier: "domain"
}

/** @category models @since 0.1.0 */
export type Payload<D extends Any> = D["payload"]["Type"]

/**
 * An audit event is a note about an aggregate and goes nowhere; another one says
 * in which direction it goes, and from or to where.
 *
 * @category models
 * @since 0.1.0
 */
export type Place =
  | { readonly tier: "audit"; readonly aggregate: string; readonly direction?: never }
  | { readonly tier?: "domain"; readonly direction: "change"; readonly aggregate: string }
  | { readonly tier?: "domain"; readonly direction: "inbound"; readonly source: string }
  | { readonly tier?: "domain"; readonly direction: "outbound"; readonly destination: string }

/** Upcasters of which each gives what the next one takes, and the last one `P`. @category models @since 0.1.0 */
export type Chain<U extends ReadonlyArray<unknown>, P> = U extends readonly [infer First, ...infer Rest]
  ? First extends Upcaster<infer A, infer _>
    ? readonly [Upcaster<A, Taken<Rest, P>>, ...Chain<Rest, P>]
    : never
  : readonly []

/** What the first of the upcasters takes; `P` when there is none. @category models @since 0.1.0 */
export type Taken<U extends ReadonlyArray<unknown>, P> = U extends readonly [
  Upcaster<infer A, infer _>,
  ...ReadonlyArray<unknown>
]
  ? A
  : P

/**
 * - `Invalid`: the payload is not what the definition says.
 * - `TooLarge`: its JSON has more than `bytesMax` bytes.
 * - `Unreadable`: a stored payload is of a version that this build does not know, or
 *   is not what that version says.
 *
 * @category errors
 * @since 0.1.0
 */
export class PayloadError extends Schema.TaggedError<PayloadError>()("PayloadError", {
  reason: Schema.Literals(["Invalid", "TooLarge", "Unreadable"]),
  type: Schema.String,
  message: Schema.String
}) {}

/** Most bytes of a payload as JSON. @category constants @since 0.1.0 */
export const bytesMax = 256 * 1_024

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Defines a type of events. What is wrong with it beside its types, such as a
 * missing upcaster, the registry says when the application starts.
 *
 * @category constructors
 * @since 0.1.0
 */
export const define = <
  const Type extends string,
  P,
  const O extends Place,
  const U extends ReadonlyArray<AnyUpcaster> = readonly []
>(
  options: O & {
    /** Words of small letters and digits with `_` between them, for example `"invoice_paid"`. */
    readonly type: Type
    readonly payload: Schema.Codec<P, unknown>
    /** Default: 1. */
    readonly version?: number
    /** Default: none. */
    readonly upcasters?: U & Chain<U, P>
  }
): Definition<Type, P, O extends { readonly tier: "audit" } ? "audit" : "domain"> => {
  const { payload, type, upcasters = [], version = 1 } = options
  const place: Place = options
  type T = O extends { readonly tier: "audit" } ? "audit" : "domain"
  return {
    type,
    tier: (place.tier ?? "domain") as T, // by definition of `T`
    direction: place.direction ?? "change",
    entity: "source" in place ? place.source : "destination" in place ? place.destination : place.aggregate,
    version,
    payload,
    upcasters
  }
}

/** The step from an older version of a payload to the next one. @category constructors @since 0.1.0 */
export const upcaster = <A, B>(schema: Schema.Codec<A, unknown>, up: (payload: A) => B): Upcaster<A, B> => ({
  schema,
  up
})

const mark = "@tidemark/core/EventType/secret"

/**
 * A field that is removed before the event is stored, such as a name that only the
 * publisher's own code may see. Whoever reads the event does not find it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const secret = <A, E>(schema: Schema.Codec<A, E>): Schema.optionalKey<Schema.Codec<A, E>> =>
  Schema.optionalKey(schema.annotate({ [mark]: true }) as Schema.Codec<A, E>)

// -----------------------------------------------------------------------------
// payloads
// -----------------------------------------------------------------------------

/** The payload as it is stored: without secrets, and not too large. @category codecs @since 0.1.0 */
export const encode = (
  { payload: schema, type }: Pick<Any, "type" | "payload">,
  payload: unknown
): Result.Result<Schema.Json, PayloadError> => {
  const fail = (reason: PayloadError["reason"], message: string) =>
    Result.fail(new PayloadError({ reason, type, message: `${type}: ${message}` }))
  // `define` takes no payload that needs services.
  const encoded = codecOf(schema as Schema.Codec<unknown>).encode(redacted(schema.ast, payload))
  if (Result.isFailure(encoded)) return fail("Invalid", "the payload is not as its definition says")
  const bytes = bytesOf(JSON.stringify(encoded.success))
  return bytes > bytesMax
    ? fail("TooLarge", `the payload has ${bytes} bytes of JSON, and may have ${bytesMax}: send a reference instead`)
    : Result.succeed(encoded.success)
}

/** The payload of a stored event, brought up to the version of the definition. @category codecs @since 0.1.0 */
export const decode = <P>(
  { payload: schema, type, upcasters, version }: Definition<string, P>,
  event: Pick<Event.Event, "version" | "payload">
): Result.Result<P, PayloadError> => {
  const fail = (message: string) =>
    Result.fail(new PayloadError({ reason: "Unreadable", type, message: `${type} ${event.version}: ${message}` }))
  if (event.version < 1 || event.version > version) return fail(`this build reads versions 1 to ${version}`)
  const steps = upcasters.slice(event.version - 1)
  const written = (event.version === version ? schema : (steps[0]?.schema ?? schema)) as Schema.Codec<unknown>
  const read = codecOf(written).decode(event.payload)
  if (Result.isFailure(read)) return fail("the stored payload is not as its version says")
  let payload: unknown = read.success
  for (const { up } of event.version === version ? [] : steps) payload = up(payload as never)
  return Result.succeed(payload as P) // the chain of upcasters ends with it
}

// -----------------------------------------------------------------------------
// secrets
// -----------------------------------------------------------------------------

/** Whether a secret is where it cannot be removed: inside a class, or another type of its own. @category guards @since 0.1.0 */
export const hasHiddenSecret = ({ payload }: Pick<Any, "payload">): boolean => isHiding(payload.ast, false, new Set())

const isHiding = (ast: SchemaAST.AST, isInside: boolean, seen: Set<SchemaAST.AST>): boolean => {
  if (seen.has(ast)) return false
  seen.add(ast)
  if (isInside && isSecret(ast)) return true
  const parts =
    ast._tag === "Declaration"
      ? [...ast.typeParameters, ...(ast.encoding ?? []).map(({ to }) => to)]
      : ast._tag === "Objects"
        ? [...ast.propertySignatures, ...ast.indexSignatures].map(({ type }) => type)
        : ast._tag === "Arrays"
          ? [...ast.elements, ...ast.rest]
          : ast._tag === "Union"
            ? ast.types
            : ast._tag === "Suspend"
              ? [ast.thunk()]
              : []
  return parts.some((part) => isHiding(part, isInside || ast._tag === "Declaration", seen))
}

const isSecret = (ast: SchemaAST.AST): boolean => SchemaAST.resolveAt<boolean>(mark)(ast) === true

/** The value without its secrets. What has none is answered as it is. */
const redacted = (ast: SchemaAST.AST, value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  switch (ast._tag) {
    case "Suspend":
      return redacted(ast.thunk(), value)
    case "Union":
      return ast.types.reduce((value, type) => redacted(type, value), value as unknown)
    case "Arrays": {
      if (!Array.isArray(value)) return value
      return value.map((one, place) => {
        const type = ast.elements[place] ?? ast.rest[0]
        return type === undefined ? one : redacted(type, one)
      })
    }
    case "Objects": {
      if (Array.isArray(value) || (ast.propertySignatures.length === 0 && ast.indexSignatures.length === 0))
        return value
      const types = new Map(ast.propertySignatures.map(({ name, type }) => [name, type]))
      return Object.fromEntries(
        Object.entries(value).flatMap(([name, one]): ReadonlyArray<readonly [string, unknown]> => {
          const type = types.get(name) ?? ast.indexSignatures[0]?.type
          if (type === undefined) return [[name, one]]
          return isSecret(type) ? [] : [[name, redacted(type, one)]]
        })
      )
    }
    default:
      return value
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

interface Codec {
  readonly encode: (payload: unknown) => Result.Result<Schema.Json, Schema.SchemaError>
  readonly decode: (json: unknown) => Result.Result<unknown, Schema.SchemaError>
}

const codecs = new WeakMap<object, Codec>()

/** Made once per schema: making it costs twice what it takes to read a payload. */
const codecOf = (schema: Schema.Codec<unknown>): Codec => {
  const known = codecs.get(schema)
  if (known !== undefined) return known
  const json = Schema.toCodecJson(schema)
  const codec = { encode: Schema.encodeUnknownResult(json), decode: Schema.decodeUnknownResult(json) }
  codecs.set(schema, codec)
  return codec
}

/** As UTF-8. */
const bytesOf = (text: string): number => {
  let bytes = 0
  for (const character of text) {
    const code = character.codePointAt(0)!
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4
  }
  return bytes
}
