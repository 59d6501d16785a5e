/** The relay, and wrong ones that an application might have in its place, over the same ports. */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Consumer from "@tidemark/core/engine/Consumer"
import * as Relay from "@tidemark/core/engine/Relay"
import * as EventRegistry from "@tidemark/core/model/EventRegistry"
import * as EventType from "@tidemark/core/model/EventType"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as Memory from "@tidemark/memory/Memory"

/** What reacts to events: asked with the event's number and a key for its effect. */
export interface Reaction {
  readonly name: string
  readonly react: (number: number, key: string) => Effect.Effect<void, unknown, Memory.Services>
}

/** Hands out what is ready, once. */
export type Relaying = (reactions: ReadonlyArray<Reaction>) => Effect.Effect<unknown, unknown, Memory.Services>

export const said = EventType.define({
  type: "said",
  direction: "change",
  aggregate: "note",
  payload: Schema.Struct({ number: Schema.Int })
})

// -----------------------------------------------------------------------------
// the relay
// -----------------------------------------------------------------------------

export const right: Relaying = (reactions) =>
  Effect.gen(function* () {
    const registry = yield* EventRegistry.make(said)
    const consumers = reactions.map(({ name, react }) =>
      Consumer.make(name, {
        on: [said],
        start: "Beginning",
        handler: ({ payload }, { idempotencyKey }) => react(payload.number, idempotencyKey)
      })
    )
    const options = { registry, consumers }
    yield* Relay.prepare(options)
    yield* Relay.drainOnce(options)
  })

// -----------------------------------------------------------------------------
// wrong ones
// -----------------------------------------------------------------------------

const known = (name: string) =>
  Effect.gen(function* () {
    const consumers = yield* Consumers.Consumers
    yield* consumers.register({ name, types: ["said"], start: "Beginning" })
    while (!(yield* consumers.activate(name, 1_000)));
  })

const claim = (name: string) =>
  Effect.flatMap(Deliveries.Deliveries, (deliveries) =>
    deliveries.claim({
      hosted: [{ consumer: name, versions: { said: 1 } }],
      direction: "change",
      limit: 100,
      lease: Duration.seconds(30)
    })
  )

const settle = (held: ReadonlyArray<Deliveries.Held>, verdict: Deliveries.Verdict) =>
  Effect.gen(function* () {
    const settlements = held.map((one) => ({ held: one, verdict }))
    if (Arr.isArrayNonEmpty(settlements)) yield* (yield* Deliveries.Deliveries).settle(settlements)
  })

const numberOf = ({ event }: Deliveries.Delivery): number => (event.payload as { readonly number: number }).number

const later: Deliveries.Verdict = { _tag: "Retry", after: Duration.seconds(1), error: "not yet" }

/** Claims and settles one by one; `attempt` says what becomes of a delivery. */
const oneByOne =
  (
    attempt: (
      reaction: Reaction,
      delivery: Deliveries.Delivery
    ) => Effect.Effect<Deliveries.Verdict, unknown, Memory.Services>
  ): Relaying =>
  (reactions) =>
    Effect.forEach(reactions, (reaction) =>
      Effect.gen(function* () {
        yield* known(reaction.name)
        for (const one of yield* claim(reaction.name)) yield* settle([one], yield* attempt(reaction, one))
      })
    )

/** The transaction of the claim stays open while handlers run, and theirs is the same. */
export const holdsTheClaim: Relaying = (reactions) =>
  Effect.forEach(reactions, ({ name, react }) =>
    Effect.gen(function* () {
      yield* known(name)
      const claimed = yield* claim(name)
      const [first] = claimed
      if (first === undefined) return
      const uow = yield* UnitOfWork.UnitOfWork
      const deliveries = yield* Deliveries.Deliveries
      const failed: Array<Deliveries.Delivery> = []
      const handling = Effect.forEach(claimed, (one) =>
        Effect.matchCauseEffect(react(numberOf(one), `${name}/${one.event.id}`), {
          onFailure: () => Effect.sync(() => failed.push(one)),
          onSuccess: () => Effect.ignore(deliveries.acknowledge([one]))
        })
      )
      const exit = yield* Effect.exit(uow.transact(first.tenant, handling))
      // The rollback takes the claim back too: nothing was counted.
      yield* Exit.isFailure(exit) ? settle(claimed, { _tag: "Release" }) : settle(failed, later)
    })
  )

/** Three tries in a row, and none ever after. */
export const triesThrice: Relaying = oneByOne(({ name, react }, one) =>
  Effect.gen(function* () {
    for (let time = 0; time < 3; time++) {
      const exit = yield* Effect.exit(react(numberOf(one), `${name}/${one.event.id}`))
      if (Exit.isSuccess(exit)) return { _tag: "Ack" }
    }
    return { _tag: "DeadLetter", error: "three times" }
  })
)

/** One status for each event: all reactions are asked again when one of them failed. */
export const oneStatus: Relaying = (reactions) =>
  oneByOne((_, one) =>
    Effect.gen(function* () {
      const exits = yield* Effect.forEach(reactions, ({ name, react }) =>
        Effect.exit(react(numberOf(one), `${name}/${one.event.id}`))
      )
      return exits.every(Exit.isSuccess) ? { _tag: "Ack" } : later
    })
  )([{ name: "all", react: () => Effect.void }])

/** Each attempt has a key of its own. */
export const newKeys: Relaying = oneByOne(({ name, react }, one) =>
  Effect.map(Effect.exit(react(numberOf(one), `${name}/${one.event.id}/${one.attempt}`)), (exit): Deliveries.Verdict =>
    Exit.isSuccess(exit) ? { _tag: "Ack" } : later
  )
)

/** Whoever is asked first has the event, and the others never see it. */
export const firstComeOnly: Relaying = (reactions) =>
  oneByOne(({ react }, one) =>
    Effect.gen(function* () {
      const reaction = reactions[numberOf(one) % reactions.length]
      yield* Effect.ignore(
        reaction === undefined ? react(0, "") : reaction.react(numberOf(one), `${reaction.name}/${one.event.id}`)
      )
      return { _tag: "Ack" }
    })
  )([{ name: "all", react: () => Effect.void }])
