/** What the tests share: names, rows to write, processes, and gates to order them by. */
import type * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Entry from "@tidemark/core/model/Entry"
import * as Lane from "@tidemark/core/model/Lane"
import * as Observation from "@tidemark/core/model/Observation"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Version from "@tidemark/core/model/Version"
import * as Ledger from "@tidemark/core/ports/Ledger"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as Database from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"

export const subscriptionOf = (tenant: string, entity = "account"): Subscription.Subscription =>
  Subscription.make({ id: `${entity}s`, tenant, connection: { provider: "salesforce", account: "00D1" }, entity })

export const accounts = subscriptionOf("acme")
export const tenant = accounts.tenant
export const live = Lane.live(accounts)
export const id = (text: string) => Observation.ExternalId.make(text)

/** An advance of a present record whose version value and revision are those given. */
export const advance = (externalId: string, expected: number, revision = expected + 1): Entry.Advance => ({
  externalId: id(externalId),
  expected,
  localId: `local-${externalId}`,
  revision,
  version: Version.make({ domain: "test", value: String(revision), observedAt: 0 }),
  existence: "Present",
  fingerprint: undefined
})

export const transact = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(UnitOfWork.UnitOfWork, (uow) => uow.transact(tenant, effect))

/** Advances records of `accounts`; answers the tokens of the winners. */
export const advanceAll = (...advances: Arr.NonEmptyReadonlyArray<Entry.Advance>) =>
  Effect.flatMap(Ledger.Ledger, (ledger) =>
    Effect.map(ledger.advance(accounts, advances), (won) => [...won.values()].map((entry) => entry.token))
  )

/** The token of a record as the fiber sees it now; 0 when it sees none. */
export const tokenOf = (externalId: string) =>
  Effect.flatMap(Ledger.Ledger, (ledger) =>
    Effect.map(ledger.find(accounts, [id(externalId)]), (found) => found.get(id(externalId))?.token ?? 0)
  )

/** Stops whoever comes to `point` until it is opened, and tells when that happened. */
export interface Gate {
  readonly hook: Database.Hook
  readonly reached: Effect.Effect<void>
  readonly open: Effect.Effect<void>
}

export const makeGate = (point: string): Effect.Effect<Gate> =>
  Effect.sync(() => {
    const reached = Deferred.makeUnsafe<void>()
    const opened = Deferred.makeUnsafe<void>()
    return {
      hook: (name) =>
        name === point ? Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(opened)) : Effect.void,
      reached: Deferred.await(reached),
      open: Effect.asVoid(Deferred.succeed(opened, undefined))
    }
  })

/** Tells when somebody waits for a lock at `point`, without stopping anybody. */
export const makeSignal = (point: string): Effect.Effect<Gate> =>
  Effect.tap(makeGate(`${point}:wait`), (gate) => gate.open)

/** Runs a program as a process of its own. */
export const processOf = (database: Database.Database, hook?: Database.Hook) =>
  Effect.provide(Memory.layerFrom(database, hook === undefined ? {} : { hook }), { local: true })

/** The failure of an effect that must fail. */
export const failureOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.flatMap(Effect.result(effect), (result) =>
    Option.match(Option.fromUndefinedOr(result._tag === "Failure" ? { error: result.failure } : undefined), {
      onNone: () => Effect.die(new Error("it succeeded")),
      onSome: ({ error }) => Effect.succeed(error)
    })
  )
