/**
 * Tries refused records again, after what made them refused was mended.
 *
 * A redrive is a run like any other, in a lane of its own, with another source
 * for once: the refusals that wait. Where the sync's source reads records by id,
 * each record is read as it is now; where it cannot, what was kept of it is tried.
 * A deletion is always tried as it was told: a record that is gone cannot be read.
 *
 * **Guarantees**
 *
 * - what is applied is applied once, however often it is redriven;
 * - what is refused again waits on as the same refusal, with one attempt more;
 * - stopped anywhere and run again, a redrive leaves what one redrive leaves.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as CursorRule from "../model/CursorRule.ts"
import * as Lane from "../model/Lane.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Run from "../model/Run.ts"
import type * as Subscription from "../model/Subscription.ts"
import * as ChangeSource from "../ports/ChangeSource.ts"
import * as Lanes from "../ports/Lanes.ts"
import * as Listing from "../ports/Listing.ts"
import * as Quarantine from "../ports/Quarantine.ts"
import type { StoreError } from "../ports/StoreError.ts"
import * as Execution from "./Execution.ts"
import * as Kept from "./Kept.ts"
import type * as Redriven from "./Redriven.ts"
import type * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What is tried again; all that waits of the subscription's entity unless it says less. @category models @since 0.1.0 */
export interface Selection {
  /** As refusals have it. */
  readonly externalId?: Observation.ExternalId | undefined
  /** Of the rejection. Of a record that is read again, all that waits is tried. */
  readonly code?: string | undefined
  /** Refused no earlier, in ms since the epoch. Default: at any time. */
  readonly openedFrom?: number | undefined
  /** Tries what was kept, and reads by id only what is not the whole of a record. Default: `false`. */
  readonly isAsKept?: boolean | undefined
}

/** @category models @since 0.1.0 */
export interface Options extends Selection, Pick<Sync.RunOptions, "isReleasing" | "isTakingOver"> {
  /** Is told of each committed batch before the next one commits. */
  readonly onReport?: (report: Sync.BatchReport) => Effect.Effect<void>
}

/**
 * Refusals that cannot be tried, and wait on as they were.
 *
 * @category models
 * @since 0.1.0
 */
export interface Left {
  /** Only their source can read them again: what was kept is not the whole record. */
  readonly sourceOnly: number
  /** What was kept does not have the shape of the schema, so only their source can read them again. */
  readonly misfit: number
  /** Their source does not find the record, or cannot read it. */
  readonly unread: number
}

/** What a redrive came to. A record that is read again counts once, with all that waits of it. @category models @since 0.1.0 */
export interface Summary {
  readonly run: Run.Summary
  /** Adds up from the three below. */
  readonly tried: number
  readonly applied: number
  /** Refused again. */
  readonly refused: number
  /** Here already, older than what is here, or gone on both sides. */
  readonly unneeded: number
  readonly left: Left
}

/** Where an observation of a redrive comes from. @category models @since 0.1.0 */
export interface Origin {
  readonly rows: Redriven.Rows
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** The lane that redrives of a subscription take. @category constructors @since 0.1.0 */
export const lane = (subscription: Subscription.Subscription): Lane.Lane => Lane.make(subscription, "redrive")

/**
 * The sync that reads what waits instead of its source; `Sync.plan` of it tells
 * what a redrive would do.
 *
 * @category constructors
 * @since 0.1.0
 */
export const toSync = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  selection: Selection = {},
  onLeft: (reason: "sourceOnly" | "misfit") => void = () => {}
): Sync.Sync<A, Origin, R | Quarantine.Quarantine> => ({
  ...sync,
  source: sourceOf(sync, selection, onLeft),
  rules: { ...sync.rules, isRedriving: true },
  onRefusal: "Quarantine",
  redriven: ({ position }) => position?.rows ?? []
})

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Redrives once. `Busy` is an answer, not a fault: another redrive is under way,
 * and nothing was done.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  options: Options = {}
): Effect.fn.Return<Summary | Lanes.Busy, Sync.SyncError, Sync.Ports | R> {
  const { isReleasing = false, isTakingOver = false, onReport = () => Effect.void } = options
  const left = { sourceOnly: 0, misfit: 0, unread: 0 }
  const redriving = toSync(sync, options, (reason) => {
    left[reason] += 1
  })
  const summary = yield* Execution.run(redriving, {
    lane: lane(sync.subscription),
    trigger: "Replay",
    isReleasing,
    isTakingOver,
    onReport: (report) => {
      left.unread += report.items.filter(isUnread).length
      return onReport(report)
    }
  })
  if (summary instanceof Lanes.Busy) return summary
  const { absent, created, deleted, parked, quarantined, read, stale, unchanged, updated } = summary.counts
  return {
    run: summary,
    tried: read - left.unread,
    applied: created + updated + deleted,
    refused: quarantined + parked,
    unneeded: unchanged + stale + absent - left.unread,
    left
  }
})

// -----------------------------------------------------------------------------
// internal: source
// -----------------------------------------------------------------------------

/** No position of a redrive is ever kept: each one begins with what waits by then. */
const rule: CursorRule.CursorRule<Origin> = CursorRule.make<Origin>({
  codec: Schema.Struct({ rows: Schema.Array(Quarantine.Open) }),
  positions: "Unique",
  resume: "Exclusive",
  emission: "Unpositioned"
})

const sourceOf = <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  selection: Selection,
  onLeft: (reason: "sourceOnly" | "misfit") => void
): ChangeSource.ChangeSource<A, Origin, R | Quarantine.Quarantine> => {
  const { account, domain, epoch, fetch, label } = sync.source
  const common = { label: `${label}/redrive`, domain, epoch, account, rule }
  const decode = Kept.decoding(sync.schema)
  if (fetch === undefined) {
    const read = () =>
      pages(sync, selection, (kept) =>
        Effect.sync(() =>
          kept.flatMap((one): ReadonlyArray<Observation.Definite<A, Origin>> => {
            const told = decode(one)
            const fault = typeof told === "string" ? told : Kept.isForeign(domain, told) ? "sourceOnly" : undefined
            if (fault !== undefined) onLeft(fault)
            return typeof told === "string" || fault !== undefined ? [] : [told]
          })
        )
      )
    return { ...common, read }
  }
  const deleted = new Set<Observation.ExternalId>()
  return {
    ...common,
    read: () =>
      Stream.suspend(() => {
        const told: Told = { deleted, touched: new Set() }
        const whole = selection.isAsKept === true ? Kept.wholeOf(domain, decode) : () => undefined
        return pages(sync, selection, (kept) =>
          Effect.map(
            touches(
              sync,
              kept.filter((one) => whole(one) === undefined),
              decode,
              told
            ),
            (touched) => [...kept.flatMap((one) => whole(one) ?? []), ...touched]
          )
        )
      }),
    fetch: (ids) => readable(fetch, ids, deleted)
  }
}

/** Pages of what waits, newest first, until there is nothing older. */
const pages = <A extends object, C, R, O>(
  { batchSize, source, subscription }: Sync.Sync<A, C, R>,
  { code, externalId, openedFrom = -Infinity }: Selection,
  toObservations: (
    kept: ReadonlyArray<Quarantine.Kept>
  ) => Effect.Effect<ReadonlyArray<O>, StoreError, Quarantine.Quarantine>
) => {
  const limit = Listing.limitOf({ limit: batchSize })
  const { connection, entity, tenant } = subscription
  return Stream.paginate(undefined as number | undefined, (before) =>
    Effect.gen(function* () {
      const quarantine = yield* Quarantine.Quarantine
      const kept = yield* quarantine.list(tenant, { connection, entity, externalId, code, limit, before })
      const observations = yield* toObservations(kept.filter(({ openedAt }) => openedAt >= openedFrom))
      const next = kept.length < limit ? Option.none<number>() : Option.fromUndefinedOr(kept.at(-1)?.position)
      return [observations.length === 0 ? [] : [{ observations, mark: undefined }], next] as const
    })
  ).pipe(
    Stream.mapError(
      (cause) =>
        new ChangeSource.SourceError({
          reason: "Unavailable",
          source: `${source.label}/redrive`,
          message: `quarantine could not be read: ${cause.message}`,
          cause
        })
    )
  )
}

/** What a read by hints remembers from page to page. */
interface Told {
  /** Records whose deletion was told. */
  readonly deleted: Set<Observation.ExternalId>
  /** Records with more refusals than were on the pages so far: they are not hinted at again. */
  readonly touched: Set<Observation.ExternalId>
}

/** One hint per record, about all that waits of it; deletions as they were told. */
const touches = Effect.fnUntraced(function* <A extends object, C, R>(
  sync: Sync.Sync<A, C, R>,
  kept: ReadonlyArray<Quarantine.Kept>,
  decode: Kept.Decode<A>,
  { deleted, touched }: Told
) {
  const ids = [...new Set(kept.map(({ externalId }) => externalId))]
  if (!Arr.isReadonlyArrayNonEmpty(ids)) return []
  const waiting = yield* (yield* Quarantine.Quarantine).find(sync.subscription, ids)
  const page = new Set(kept.map(({ id }) => id))
  const here = new Set<Observation.ExternalId>()
  return kept.flatMap((one): ReadonlyArray<Observation.Observation<A, Origin>> => {
    const { externalId } = one
    const deletion = Kept.tagOf(one.observation) === "Delete" ? decode(one) : undefined
    if (typeof deletion === "object") {
      deleted.add(deletion.externalId)
      return [deletion]
    }
    const rows = (waiting.get(externalId) ?? []).filter(({ fingerprint }) => fingerprint !== "Delete").toReversed()
    if (here.has(externalId) || touched.has(externalId) || rows.length === 0) return []
    here.add(externalId)
    if (rows.some(({ id }) => !page.has(id))) touched.add(externalId)
    return [{ _tag: "Touch", externalId: Kept.idOf(one), position: { rows }, origin: "Manual" }]
  })
})

/** Calls of one read by id, while records that cannot be read are told from those that can. */
const callsMax = 64

/**
 * The records that can be read: one that has not the shape of its mapping is left
 * out, and keeps nobody else from being read. But for a deletion that waits for
 * the record not to be found: it must not be taken for gone.
 */
const readable = Effect.fnUntraced(function* <A, R>(
  fetch: ChangeSource.Fetching<A, never, R>["fetch"],
  ids: Arr.NonEmptyReadonlyArray<Observation.ExternalId>,
  deleted: ReadonlySet<Observation.ExternalId>
): Effect.fn.Return<ReadonlyMap<Observation.ExternalId, ChangeSource.Fetched<A>>, ChangeSource.SourceError, R> {
  const found = new Map<Observation.ExternalId, ChangeSource.Fetched<A>>()
  const pieces: Array<ReadonlyArray<Observation.ExternalId>> = [ids]
  for (let calls = 1; ; calls++) {
    const piece = pieces.pop()
    if (piece === undefined) return found
    if (!Arr.isReadonlyArrayNonEmpty(piece)) continue
    const result = yield* Effect.result(fetch(piece))
    if (Result.isSuccess(result)) {
      for (const [id, one] of result.success) found.set(id, one)
      continue
    }
    const isLeftOut = piece.length === 1 && !deleted.has(piece[0])
    if (result.failure.reason !== "Malformed" || calls >= callsMax || (piece.length === 1 && !isLeftOut)) {
      return yield* result.failure
    }
    if (piece.length === 1) continue
    const middle = Math.ceil(piece.length / 2)
    pieces.push(piece.slice(middle), piece.slice(0, middle))
  }
})

/** A hint whose record was not found: it has no version. */
const isUnread = ({ outcome, version }: Run.Item): boolean =>
  version === undefined && outcome._tag === "Skipped" && outcome.reason === "Absent"
