/** What the tests share: a type of events, secrets, and a relay on a clock that the test holds. */
import * as Relay from "@tidemark/core/engine/Relay"
import * as Publisher from "@tidemark/core/engine/Publisher"
import type * as Consumer from "@tidemark/core/engine/Consumer"
import type * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import * as Backoff from "@tidemark/core/rules/Backoff"
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Memory from "@tidemark/memory/Memory"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Forwarder } from "@tidemark/webhooks"

export const tenant = Subscription.TenantId.make("acme")

export const paid = EventType.define({
  type: "invoice_paid",
  direction: "outbound",
  destination: "invoice",
  payload: Schema.Struct({ cents: Schema.Int, card: EventType.secret(Schema.String) })
})

export const sent = EventType.define({
  type: "mail_sent",
  direction: "change",
  aggregate: "mail",
  payload: Schema.Struct({ to: Schema.String })
})

/** Of one byte, 32 times. */
export const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`

export const [first, second] = [secretOf(1), secretOf(2)]

export const now = Date.UTC(2026, 4, 1, 8)

/** Commits events of a key in one unit of work. */
export const publish = (key: string, ...amounts: ReadonlyArray<number>) =>
  Effect.flatMap(UnitOfWork.UnitOfWork, (uow) =>
    uow.transact(
      tenant,
      Effect.forEach(amounts, (cents) => Publisher.publish(paid, { key, payload: { cents, card: "4242-canary" } }))
    )
  )

export const relayOf = (...consumers: ReadonlyArray<Consumer.Consumer<Consumers.Consumers>>) =>
  Effect.map(EventRegistry.make(paid, sent), (registry) => ({ registry, consumers }))

export type Relayed = Effect.Success<ReturnType<typeof relayOf>>

/** A forwarder of `paid` to that address, from the beginning. */
export const forwarder = (
  url: string,
  options: Partial<Forwarder.Options<typeof paid>> = {},
  name = "billing-hooks"
): ReturnType<typeof Forwarder.make> =>
  Forwarder.make(name, {
    on: [paid],
    start: "Beginning",
    url,
    allow: [new URL(url).origin],
    secrets: { current: Redacted.make(first) },
    ...options
  })

/** Drains again and again while time passes, until nothing waits, and at most so often. Answers the steps it took. */
export const drainFor = (options: Relayed, step = 60_000, most = 500) =>
  Effect.gen(function* () {
    for (let round = 0; round < most; round++) {
      yield* Relay.drainOnce(options)
      const backlogs = yield* (yield* Deliveries.Deliveries).backlog
      if (backlogs.every(({ behind, delayed, held, ready }) => behind + delayed + held + ready === 0)) return round
      yield* TestClock.adjust(step)
    }
    return most
  })

/** Given up after one attempt, so that its error can be read. */
export const once: Backoff.Backoff = { ...Backoff.standard, attempts: 1 }

/** Why deliveries were given up. */
export const errors = Effect.flatMap(DeadLetters.DeadLetters, (letters) =>
  Effect.map(letters.list(), (all) => all.map(({ error }) => error))
)

/** Runs a test on a fresh store, at `now`. */
export const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope | Memory.Services>) =>
  Effect.scoped(Effect.andThen(TestClock.setTime(now), effect)).pipe(Effect.provide(Memory.layer(), { local: true }))
