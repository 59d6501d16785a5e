/**
 * What tenants rely on in an outbox that they share: L36.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as EventLog from "@tidemark/core/ports/EventLog"
import * as Outbox from "@tidemark/core/ports/Outbox"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as EventStore from "./EventStore.ts"

/** @category laws @since 0.1.0 */
export const tenantLaws = <R>(store: EventStore.EventStore<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L36",
    claim: "an event of another tenant is refused, and nothing of its call is written",
    runs: 20,
    arbitrary: fc.record({ before: fc.nat(2), after: fc.nat(2) }),
    holds: ({ after, before }) => refusing(store, before, after)
  })
]

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Appends an event of another tenant among `before` and `after` of one's own. */
const refusing = Effect.fnUntraced(function* <R>(store: EventStore.EventStore<R>, before: number, after: number) {
  const names = yield* EventStore.names(store.name)
  const [own, other] = names.tenants
  const uow = yield* UnitOfWork.UnitOfWork
  const outbox = yield* Outbox.Outbox
  const log = yield* EventLog.EventLog
  // Cases may share a store: this one begins behind the others.
  const { horizon } = yield* log.read({ after: 0, limit: 1 })
  const event = (number: number) => names.event(number === before ? other : own, number, { type: names.type("one") })
  const rest = Array.from({ length: before + after }, (_, index) => event(index + 1))
  const appended = yield* uow.transact(own, Effect.result(outbox.append(own, [event(0), ...rest])))
  yield* Law.same("the answer", appended._tag === "Failure" ? [appended.failure._tag, appended.failure.reason] : [], [
    "StoreError",
    "Refused"
  ])
  const { events } = yield* log.read({ after: horizon, limit: 100 })
  const found = events.filter(({ event }) => names.tenants.includes(event.tenant))
  yield* Law.same("the events of both", found, [])
})
