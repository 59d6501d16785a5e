/**
 * Word that something may be there to be claimed. It may be lost, and it may be
 * early: polling is the truth, this only makes it quick.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Stream from "effect/Stream"
import type { StoreError } from "./StoreError.ts"

/** @category services @since 0.1.0 */
export class Wake extends Context.Service<
  Wake,
  {
    /**
     * One element after commits that made deliveries; several commits may share one.
     * Fails when the connection it listens on is lost.
     */
    readonly signals: Stream.Stream<void, StoreError>
  }
>()("@tidemark/core/Wake") {}
