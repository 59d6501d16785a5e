/**
 * The events that the engine derives from the records of an entity.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as EventType from "./EventType.ts"
import * as Observation from "./Observation.ts"

/** What they carry. @category schemas @since 0.1.0 */
export const Payload = Schema.Struct({
  /** Of the record here. */
  entityId: Schema.String,
  /** Of the record at the provider. */
  externalId: Schema.String,
  provider: Schema.String,
  /** Sorted by name. */
  changedFields: Schema.Array(Schema.String),
  source: Schema.Literal("integration"),
  origin: Observation.Origin,
  revision: Schema.Int
})
/** @category models @since 0.1.0 */
export type Payload = typeof Payload.Type

/**
 * Their definitions, for a registry and for consumers: created, edited, deleted.
 *
 * @category constructors
 * @since 0.1.0
 */
export const events = <const Name extends string>(entity: Name) => {
  const place = { direction: "change", aggregate: entity, payload: Payload } as const
  return [
    EventType.define({ ...place, type: `${entity}_created` as const }),
    EventType.define({ ...place, type: `${entity}_edited` as const }),
    EventType.define({ ...place, type: `${entity}_deleted` as const })
  ] as const
}
