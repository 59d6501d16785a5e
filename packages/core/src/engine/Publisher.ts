/**
 * Events that an application tells of itself, in the unit of work that made them
 * true.
 *
 * They wait in the unit of work until its end, and are then written at once, key by
 * key, so that two units of work take the counters of keys in one order. What is
 * published inside a savepoint that is taken back is not written.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Event from "../model/Event.ts"
import * as EventRegistry from "../model/EventRegistry.ts"
import * as EventType from "../model/EventType.ts"
import * as Counters from "../ports/Counters.ts"
import * as Outbox from "../ports/Outbox.ts"
import type { StoreError } from "../ports/StoreError.ts"
import * as UnitOfWork from "../ports/UnitOfWork.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options<P> {
  /** Events of a key reach each consumer in their order. */
  readonly key: string
  readonly payload: P
  /**
   * Makes it the same event, however often it is published: again it changes nothing,
   * and with another payload the unit of work fails. Default: another event each time.
   */
  readonly id?: string
}

type Numbered = Omit<Event.Event, "id" | "revision"> & { readonly given: string | undefined }

/** Most events of one statement. @category constants @since 0.1.0 */
export const appendMax = 1_000

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/**
 * Publishes an event with the open unit of work. A payload that is too large, or
 * not as defined, is refused here, before anything is written.
 *
 * @category combinators
 * @since 0.1.0
 */
export const publish = <D extends EventType.Any>(
  definition: D,
  { id, key, payload }: Options<EventType.Payload<D>>
): Effect.Effect<void, EventType.PayloadError, UnitOfWork.Transaction | Outbox.Outbox | Counters.Counters> =>
  Effect.gen(function* () {
    const { tenant } = yield* UnitOfWork.Transaction
    const outbox = yield* Outbox.Outbox
    const counters = yield* Counters.Counters
    const { direction, entity, type, version } = definition
    const encoded = yield* Effect.fromResult(EventType.encode(definition, payload))
    const event: Numbered = { tenant, type, entity, key, version, direction, payload: encoded, given: id }
    yield* UnitOfWork.atEnd(name, event, (events) => write(outbox, counters, events))
  })

/**
 * `publish` of one application: another definition than those of the registry does
 * not compile, and is refused where its type was taken away.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of =
  <D extends EventType.Any>(registry: EventRegistry.EventRegistry<D>) =>
  <E extends D>(
    definition: E,
    options: Options<EventType.Payload<E>>
  ): Effect.Effect<
    void,
    EventType.PayloadError | EventRegistry.Unregistered,
    UnitOfWork.Transaction | Outbox.Outbox | Counters.Counters
  > =>
    Effect.andThen(EventRegistry.requireRegistered(registry, definition), publish(definition, options))

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const name = "@tidemark/core/Publisher"

const write = Effect.fnUntraced(function* (
  outbox: Outbox.Outbox["Service"],
  counters: Counters.Counters["Service"],
  events: ReadonlyArray<Numbered>
): Effect.fn.Return<void, StoreError, UnitOfWork.Transaction> {
  const lines = [...Map.groupBy(events, ({ entity, key }) => JSON.stringify([entity, key]))]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, line]) => line)
  const wanted = lines.map((line) => ({ entity: line[0]!.entity, key: line[0]!.key, count: line.length }))
  if (!Arr.isArrayNonEmpty(wanted)) return
  const { tenant } = events[0]!
  const first = yield* counters.take(tenant, wanted)
  const numbered = lines.flatMap((line, place) => line.map((event, index) => toEvent(event, first[place]! + index)))
  for (const chunk of Arr.chunksOf(numbered, appendMax)) {
    if (Arr.isArrayNonEmpty(chunk)) yield* outbox.append(tenant, chunk)
  }
})

const toEvent = ({ given, ...event }: Numbered, number: number): Event.Event => ({
  ...event,
  id: Event.publishedId(event, given === undefined ? { key: event.key, number } : { id: given }),
  revision: number
})
