/**
 * A source as a lane reads it: with what a source may know of the records that are
 * here.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type * as Lane from "../model/Lane.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Page from "../model/Page.ts"
import * as ChangeSource from "../ports/ChangeSource.ts"
import * as Ledger from "../ports/Ledger.ts"
import type * as Sync from "./Sync.ts"

/** Records of one piece of those that are here. @category constants @since 0.1.0 */
export const pieceMax = 200

/** @category constructors @since 0.1.0 */
export const pages = <A, C, R>(
  { settle, source }: Sync.Sync<A, C, R>,
  lane: Lane.Lane,
  from: C | undefined
): Stream.Stream<Page.Page<A, C>, ChangeSource.SourceError, Ledger.Ledger | R> =>
  Stream.unwrap(
    Effect.map(Ledger.Ledger, (ledger): Stream.Stream<Page.Page<A, C>, ChangeSource.SourceError, R> =>
      source.read({ lane, from, settle, unreadSince: unreadSince(ledger, lane, source.label) })
    )
  )

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const unreadSince =
  (ledger: Ledger.Ledger["Service"], { subscription }: Lane.Lane, source: string) =>
  (time: number): Stream.Stream<Arr.NonEmptyReadonlyArray<Observation.ExternalId>, ChangeSource.SourceError> =>
    Stream.paginate<
      Observation.ExternalId | undefined,
      ReadonlyArray<Observation.ExternalId>,
      ChangeSource.SourceError
    >(undefined, (after) =>
      ledger.unreadSince(subscription, { time, after, limit: pieceMax }).pipe(
        Effect.map((ids) => [[ids], ids.length < pieceMax ? Option.none() : Option.some(ids.at(-1))] as const),
        Effect.mapError((cause) => {
          const message = `The ledger could not be read: ${cause.message}`
          return new ChangeSource.SourceError({ reason: "Unavailable", source, message, cause })
        })
      )
    ).pipe(Stream.filter(Arr.isReadonlyArrayNonEmpty))
