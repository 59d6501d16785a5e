/** How one port of the memory store is made wrong. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Subscription from "@tidemark/core/model/Subscription"
import { StoreError } from "@tidemark/core/ports/StoreError"
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as Memory from "@tidemark/memory/Memory"
import * as Session from "@tidemark/memory/Session"

export type Services = Context.Context<Memory.Services>
export type Patch = (inner: Services) => Services

/** The store with one port changed. */
export const replace =
  <I extends Memory.Services, S extends object>(
    key: Context.Key<I, S>,
    change: (right: S, all: Services) => Partial<S>
  ): Patch =>
  (all) => {
    const right = Context.get(all, key)
    return Context.add(all, key, { ...right, ...change(right, all) }) as Services
  }

/** In a transaction of its own, although one is open. */
export const apart = <A, E>(
  all: Services,
  tenant: Subscription.TenantId,
  effect: Effect.Effect<A, E, UnitOfWork.Transaction>
): Effect.Effect<A, E | StoreError> =>
  Context.get(all, UnitOfWork.UnitOfWork)
    .transact(tenant, effect)
    .pipe(
      Effect.provideService(UnitOfWork.Transaction, { store: "none", tenant, isOpen: false, endings: new Map() }),
      Effect.provideService(Session.Current, undefined),
      Effect.catchTag("TransactionError", (cause) =>
        Effect.fail(new StoreError({ reason: "Unavailable", operation: "apart", message: "it failed", cause }))
      )
    ) as Effect.Effect<A, E | StoreError>
