/**
 * All-or-nothing writes, without saying which database.
 *
 * Ports whose writes must be atomic with one another need a `Transaction`. Only
 * a unit of work provides one, so an event appended outside a transaction is a
 * compile error, not a lost event. Writes inside one transaction take effect one
 * after the other; no layer is built and no stream returned inside one.
 *
 * **Laws** (checked for any store by `@tidemark/laws`)
 *
 * - atomic: what a unit of work wrote is visible all together, once it succeeded,
 *   and never when it failed, died, or was interrupted;
 * - nested: a failed inner unit of work takes back its own writes and no others;
 * - one tenant: an inner unit of work has the tenant of the outer one;
 * - in order: a step of a pipeline sees what those before it wrote;
 * - at the end: what is added to an ending is written once, behind the rest, and not
 *   at all when the unit of work it was added in is taken back.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Subscription from "../model/Subscription.ts"
import type { StoreError } from "./StoreError.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What is written in one go at the end of a unit of work. @category models @since 0.1.0 */
export interface Ending<A> {
  readonly values: Array<A>
  readonly write: (values: ReadonlyArray<A>) => Effect.Effect<void, StoreError, Transaction>
}

interface Evidence {
  /** The store that opened it, for example `"postgres"`. Ports of another store refuse to join. */
  readonly store: string
  readonly tenant: Subscription.TenantId
  isOpen: boolean
  /** By name. */
  readonly endings: Map<string, Ending<unknown>>
}

/**
 * Evidence that a transaction is open. Carries no connection: an adapter keeps
 * its own in the fiber's context and joins it by itself.
 *
 * @category services
 * @since 0.1.0
 */
export class Transaction extends Context.Service<Transaction, Readonly<Evidence>>()(
  "@tidemark/core/UnitOfWork/Transaction"
) {}

/**
 * - `Conflict`: taken back because of another transaction; the whole step may be tried again.
 * - `Unavailable`: did not begin, or was taken back; nothing took effect.
 * - `Unknown`: the connection was lost while committing; it took effect or it did not.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransactionError extends Schema.TaggedError<TransactionError>()("TransactionError", {
  reason: Schema.Literals(["Conflict", "Unavailable", "Unknown"]),
  cause: Schema.Defect()
}) {}

// -----------------------------------------------------------------------------
// services
// -----------------------------------------------------------------------------

/** @category services @since 0.1.0 */
export class UnitOfWork extends Context.Service<
  UnitOfWork,
  {
    /**
     * Runs `effect` in a transaction of `tenant`: commits when it succeeds, takes
     * everything back when it fails, dies, or is interrupted. Never tries again.
     * Inside another unit of work it is a savepoint of that one.
     */
    readonly transact: <A, E, R>(
      tenant: Subscription.TenantId,
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | TransactionError, Exclude<R, Transaction>>
    /**
     * Runs the steps of an open unit of work in their order. Fails as the first in
     * order that failed.
     *
     * A store may begin a step before those before it have answered. So a step must
     * not need their answers, and the unit of work has to fail when this fails: steps
     * behind the failed one may have written.
     */
    readonly pipeline: <Step extends Effect.Effect<unknown, unknown, unknown>>(
      steps: ReadonlyArray<Step>
    ) => Effect.Effect<void, Effect.Error<Step>, Effect.Services<Step>>
  }
>()("@tidemark/core/UnitOfWork") {}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Makes a unit of work out of what a store can do: bracket an effect with a
 * transaction (`isNested: false`) or a savepoint of the open one; and where it
 * `isPipelined`, run in their order what is begun in that order, without waiting.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (adapter: {
  readonly store: string
  readonly isPipelined?: boolean
  readonly bracket: <A, E, R>(
    options: { readonly tenant: Subscription.TenantId; readonly isNested: boolean },
    effect: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | TransactionError, R>
}): UnitOfWork["Service"] => ({
  transact: <A, E, R>(tenant: Subscription.TenantId, effect: Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const outer = yield* Effect.serviceOption(Transaction)
      const isNested = Option.isSome(outer) && outer.value.isOpen && outer.value.store === adapter.store
      if (isNested && outer.value.tenant !== tenant) {
        return yield* Effect.die(new Error(`a unit of work of tenant ${outer.value.tenant} was joined by ${tenant}`))
      }
      const evidence: Evidence = { store: adapter.store, tenant, isOpen: true, endings: new Map() }
      const whole = isNested ? effect : Effect.tap(effect, () => Effect.mapError(flush, toTransactionError))
      const body = Effect.provideService(whole, Transaction, evidence).pipe(
        Effect.ensuring(
          Effect.sync(() => {
            evidence.isOpen = false
          })
        )
      )
      const answer = yield* adapter.bracket({ tenant, isNested }, body)
      if (isNested) handUp(evidence.endings, outer.value.endings)
      return answer
    }),
  pipeline: adapter.isPipelined === true ? inFlight : inTurn
})

type Pipeline = UnitOfWork["Service"]["pipeline"]
type Steps<E, R> = ReadonlyArray<Effect.Effect<unknown, E, R>>

const inTurn = (<E, R>(steps: Steps<E, R>): Effect.Effect<void, E, R> =>
  Effect.all(steps, { discard: true })) as Pipeline

/**
 * Each step is begun when the one before it is on its way, so that the store works on
 * that one meanwhile. Fails as the first in order, not in time: those behind it failed
 * because of it.
 */
const inFlight = (<E, R>(steps: Steps<E, R>): Effect.Effect<void, E, R> =>
  Effect.gen(function* () {
    const begun: Array<Fiber.Fiber<Exit.Exit<unknown, E>>> = []
    for (const step of steps) {
      if (begun.length > 0) yield* Effect.yieldNow
      begun.push(yield* Effect.forkChild(Effect.exit(step), { startImmediately: true }))
    }
    const failed = (yield* Fiber.joinAll(begun)).find(Exit.isFailure)
    if (failed !== undefined) yield* failed
  })) as Pipeline

const handUp = (inner: Evidence["endings"], outer: Evidence["endings"]): void => {
  for (const [name, ending] of inner) {
    const known = outer.get(name)
    if (known === undefined) outer.set(name, ending)
    else known.values.push(...ending.values)
  }
}

const toTransactionError = (cause: StoreError): TransactionError =>
  new TransactionError({ reason: cause.reason === "Conflict" ? "Conflict" : "Unavailable", cause })

// -----------------------------------------------------------------------------
// endings
// -----------------------------------------------------------------------------

/**
 * Adds a value to what is written at the end of the open unit of work. Those of one
 * name are written together, by the first one's `write`.
 *
 * @category endings
 * @since 0.1.0
 */
export const atEnd = <A>(
  name: string,
  value: A,
  write: (values: ReadonlyArray<A>) => Effect.Effect<void, StoreError, Transaction>
): Effect.Effect<void, never, Transaction> =>
  Effect.flatMap(Transaction, ({ endings, isOpen }) => {
    if (!isOpen) return Effect.die(new Error(`${name} was added to a unit of work that is over`))
    const ending = endings.get(name)
    // Whoever uses the name adds values of one type.
    if (ending === undefined) endings.set(name, { values: [value], write: write as Ending<unknown>["write"] })
    else ending.values.push(value)
    return Effect.void
  })

/**
 * Writes what waits for the end now: for who has a last write of their own. Else it
 * happens by itself.
 *
 * @category endings
 * @since 0.1.0
 */
export const flush: Effect.Effect<void, StoreError, Transaction> = Effect.flatMap(Transaction, ({ endings }) => {
  if (endings.size === 0) return Effect.void
  const waiting = [...endings.values()]
  endings.clear()
  return Effect.forEach(waiting, ({ values, write }) => write(values), { discard: true })
})

// -----------------------------------------------------------------------------
// guards
// -----------------------------------------------------------------------------

/**
 * The open transaction of `store`. Dies when it is closed, belongs to another
 * store, or to another tenant: then the caller is wrong, and nothing was written.
 *
 * @category guards
 * @since 0.1.0
 */
export const current = (
  store: string,
  tenant: Subscription.TenantId
): Effect.Effect<Readonly<Evidence>, never, Transaction> =>
  Effect.flatMap(Transaction, (transaction) => {
    const fault = !transaction.isOpen
      ? "is closed"
      : transaction.store !== store
        ? `belongs to the store ${transaction.store}, not to ${store}`
        : transaction.tenant !== tenant
          ? `belongs to the tenant ${transaction.tenant}, not to ${tenant}`
          : undefined
    return fault === undefined ? Effect.succeed(transaction) : Effect.die(new Error(`the transaction ${fault}`))
  })
