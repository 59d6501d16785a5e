/**
 * All types of events of an application, as one value. What the types of its
 * definitions cannot say is checked when it is made: at the start of the
 * application, with all problems at once.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as EventType from "./EventType.ts"
import type * as Event from "./Event.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface EventRegistry<D extends EventType.Any = EventType.Any> {
  readonly definitions: ReadonlyMap<string, D>
}

/** Names of the types. @category models @since 0.1.0 */
export type Types<R extends EventRegistry> = R extends EventRegistry<infer D> ? D["type"] : never

/** The payload of a type. @category models @since 0.1.0 */
export type PayloadOf<R extends EventRegistry, Type extends Types<R>> =
  R extends EventRegistry<infer D> ? EventType.Payload<Extract<D, { readonly type: Type }>> : never

/** Definitions that cannot be used together, or at all. @category errors @since 0.1.0 */
export class RegistryError extends Schema.TaggedError<RegistryError>()("RegistryError", {
  problems: Schema.Array(Schema.String),
  message: Schema.String
}) {}

/** A definition that the application's registry does not have. @category errors @since 0.1.0 */
export class Unregistered extends Schema.TaggedError<Unregistered>()("Unregistered", {
  type: Schema.String,
  message: Schema.String
}) {}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** @category constructors @since 0.1.0 */
export const make = <const D extends ReadonlyArray<EventType.Any>>(
  ...definitions: D
): Effect.Effect<EventRegistry<D[number]>, RegistryError> =>
  Effect.suspend(() => {
    const seen = new Set<string>()
    const problems = definitions.flatMap((one) => {
      const own = problemsOf(one)
      const all = seen.has(one.type) ? [`${one.type} is defined twice: give one of them another type`, ...own] : own
      seen.add(one.type)
      return all
    })
    return problems.length === 0
      ? Effect.succeed({ definitions: new Map(definitions.map((one) => [one.type, one])) })
      : Effect.fail(new RegistryError({ problems, message: problems.join("; ") }))
  })

// -----------------------------------------------------------------------------
// readers
// -----------------------------------------------------------------------------

/** The definition of an event, if this build knows its type and version. @category readers @since 0.1.0 */
export const find = <D extends EventType.Any>(
  { definitions }: EventRegistry<D>,
  event: Pick<Event.Event, "type" | "version">
): D | undefined => {
  const found = definitions.get(event.type)
  return found !== undefined && event.version <= found.version ? found : undefined
}

/** Fails where the registry has another definition of the type, or none. @category guards @since 0.1.0 */
export const requireRegistered = (
  { definitions }: EventRegistry,
  definition: EventType.Any
): Effect.Effect<void, Unregistered> => {
  const { type } = definition
  const known = definitions.get(type)
  if (known === definition) return Effect.void
  const fault = known === undefined ? `the registry has no ${type}` : `the registry has another definition of ${type}`
  return Effect.fail(new Unregistered({ type, message: `${fault}: register the one that is published` }))
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const problemsOf = (one: EventType.Any): ReadonlyArray<string> => {
  const { entity, type, upcasters, version } = one
  const problems: Array<string> = []
  if (!/^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/.test(type) || type.length > 100) {
    problems.push(
      `${type} is no type: take words of small letters and digits with _ between them, at most 100 characters`
    )
  }
  if (type.startsWith("tidemark_")) problems.push(`${type} begins with the reserved tidemark_: take another word`)
  if (entity.length === 0)
    problems.push(`${type} says of nothing what it is about: name its aggregate, source or destination`)
  if (!Number.isInteger(version) || version < 1) problems.push(`${type} has the version ${version}: take 1, 2, 3, ...`)
  else if (upcasters.length !== version - 1) {
    problems.push(
      `${type} has the version ${version} and ${upcasters.length} upcasters: add one for each of its ${version - 1} older versions`
    )
  }
  if (EventType.hasHiddenSecret(one)) {
    problems.push(`${type} has a secret inside a class, where it cannot be removed: use a struct there`)
  }
  return problems
}
