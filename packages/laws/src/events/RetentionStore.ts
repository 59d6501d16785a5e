/**
 * A store under test from which what is old is removed: beside its ports, how to
 * make what it holds older.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Expiry from "@tidemark/core/ports/Expiry"
import type * as Memory from "@tidemark/memory/Memory"
import * as Time from "../Time.ts"
import * as EventStore from "./EventStore.ts"

/** @category models @since 0.1.0 */
export interface RetentionStore<R> extends EventStore.EventStore<R | Expiry.Expiry> {
  /** Makes all that is there older by so much. */
  readonly pass: (by: Duration.Duration) => Effect.Effect<void, unknown, R>
}

/** The memory store. @category constructors @since 0.1.0 */
export const memory: RetentionStore<Memory.Services> = {
  ...EventStore.memory,
  // Its clock moves for whoever takes a nap.
  pass: (by) => Effect.repeat(Effect.sleep(Time.napMax), { times: Math.ceil(Duration.toMillis(by) / Time.napMax) })
}
