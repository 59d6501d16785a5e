/**
 * A small application of events over the database of a test: invoices are paid, a
 * letter is sent for each, and the books are kept.
 */
import { Backoff, Consumer, EventRegistry, EventType, Publisher, Relay, Subscription, UnitOfWork } from "@tidemark/core"
import { Migrations, PgPipeline, PgStore } from "@tidemark/sql-pg"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

const tenant = Subscription.TenantId.make("default")

export const paid = EventType.define({
  type: "invoice_paid",
  direction: "change",
  aggregate: "invoice",
  payload: Schema.Struct({ cents: Schema.Int })
})

/** What the letters' target does with an invoice. Replaced when it is mended. */
export const target = {
  answer: (_invoice: string, _cents: number): Effect.Effect<void, Error | Consumer.RetryAfter> => Effect.void,
  letters: [] as Array<string>
}

const letters = (name: string) =>
  Consumer.make(name, {
    on: [paid],
    start: "Beginning",
    retry: { ...Backoff.standard, base: Duration.zero, attempts: 3 },
    handler: ({ key, payload: { cents } }) =>
      Effect.tap(target.answer(key, cents), () => Effect.sync(() => target.letters.push(`${key} ${cents}`)))
  })

const books = Consumer.make("books", { on: [paid], start: "Beginning", handler: () => Effect.void })

const options = (letterName: string) =>
  Effect.map(EventRegistry.make(paid), (registry) => ({ registry, consumers: [letters(letterName), books] }))

/** The application over a database, as another process would be. */
export const over = (url: string) => {
  const sql = PgPipeline.layer({ url: Redacted.make(url), maxConnections: 2 })
  const ports = Layer.provideMerge(PgStore.layer(), sql)
  const run = <A, E>(effect: Effect.Effect<A, E, Layer.Success<typeof ports>>): Promise<A> =>
    Effect.runPromise(Effect.provide(effect, ports))
  return {
    /** Starts, with another name for who sends letters where it says so. */
    start: (letterName = "letters") =>
      run(Effect.andThen(Migrations.run(), Effect.flatMap(options(letterName), Relay.prepare))),
    /** Commits the payment of invoices, one after the other. */
    pay: (...payments: ReadonlyArray<readonly [invoice: string, cents: number]>) =>
      run(
        Effect.flatMap(UnitOfWork.UnitOfWork, (uow) =>
          Effect.forEach(payments, ([key, cents]) =>
            uow.transact(tenant, Publisher.publish(paid, { key, payload: { cents } }))
          )
        )
      ),
    /** Hands out what is due. */
    drain: (letterName = "letters") => run(Effect.flatMap(options(letterName), Relay.drainOnce))
  }
}
