/**
 * Keeps a sink in step with a source.
 *
 * A run reads one lane from its cursor to the present, in batches. Each batch is
 * one unit of work: ledger, sink, audit items, quarantine, events, and cursor
 * commit together, or not at all. The next batches are read, looked up and worked
 * out while one commits. At most `2 * prefetch + 4` pages are under way at once, so
 * memory stays bounded however long the backfill.
 *
 * **Guarantees**
 *
 * | sink          | writes        | events, audit, cursor |
 * | ------------- | ------------- | --------------------- |
 * | Transactional | exactly once  | exactly once          |
 * | External      | at least once | exactly once          |
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as CursorRule from "../model/CursorRule.ts"
import * as Lane from "../model/Lane.ts"
import type * as Observation from "../model/Observation.ts"
import type * as Run from "../model/Run.ts"
import type * as Subscription from "../model/Subscription.ts"
import * as Write from "../model/Write.ts"
import type * as ChangeSink from "../ports/ChangeSink.ts"
import type * as ChangeSource from "../ports/ChangeSource.ts"
import type * as Intents from "../ports/Intents.ts"
import type * as Lanes from "../ports/Lanes.ts"
import type * as Ledger from "../ports/Ledger.ts"
import type * as Outbox from "../ports/Outbox.ts"
import type * as Quarantine from "../ports/Quarantine.ts"
import type * as RunRecorder from "../ports/RunRecorder.ts"
import type * as StoreError from "../ports/StoreError.ts"
import type * as UnitOfWork from "../ports/UnitOfWork.ts"
import * as Contract from "../rules/Contract.ts"
import * as FieldDiffer from "../rules/FieldDiffer.ts"
import type * as Plan from "../rules/Plan.ts"
import * as Shape from "../rules/Shape.ts"
import * as Execution from "./Execution.ts"
import * as Parking from "./Parking.ts"
import * as Preview from "./Preview.ts"
import type * as Redriven from "./Redriven.ts"
import type * as Closing from "./Closing.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Sync<in out A, in out C, out R = never> extends Standard {
  readonly subscription: Subscription.Subscription
  /** The canonical record. */
  readonly schema: FieldDiffer.RecordSchema<A>
  readonly source: ChangeSource.ChangeSource<A, C, R>
  readonly sink: ChangeSink.ChangeSink<A>
  readonly differ: FieldDiffer.FieldDiffer<A>
  /** What planning depends on, made from the rest. */
  readonly rules: Plan.Rules<A>
  /** Whether changes append `<entity>_created | _edited | _deleted` to the outbox. */
  readonly events: boolean
  /** In a redrive, the refusals that an observation is about; `undefined` in any other run. */
  readonly redriven: ((observation: Observation.Observation<A, C>) => Redriven.Rows) | undefined
}

/** @category models @since 0.1.0 */
export interface Options<in out A, in out C, out R = never> {
  readonly subscription: Subscription.Subscription
  readonly schema: FieldDiffer.RecordSchema<A>
  readonly source: ChangeSource.ChangeSource<A, C, R>
  readonly sink: ChangeSink.ChangeSink<A>
  /** What becomes of fields and values that the schema does not know. Default: kept, where it has a field for extras. */
  readonly contract?: Contract.Options
  /** Default: all fields of the schema. */
  readonly differ?: FieldDiffer.FieldDiffer<A>
  /** Default: 5 minutes. */
  readonly settle?: Duration.Input
  /** Default: 1,000. */
  readonly batchSize?: number
  /** Default: 2. */
  readonly prefetch?: number
  /** Default: 30 seconds. */
  readonly lease?: Duration.Input
  /** Default: `"Quarantine"`. */
  readonly onRefusal?: "Hold" | "Quarantine"
  /** Default: `"Changes"`. */
  readonly items?: "Changes" | "All"
  /** Default: `false`. */
  readonly events?: boolean
}

/** Those options whose values are settings. @category models @since 0.1.0 */
export interface Standard {
  /** How late a row may become visible, in source time: how far behind the present the cursor stays. */
  readonly settle: Duration.Duration
  /** Most observations in one unit of work. */
  readonly batchSize: number
  /** Pages kept in store between reading and looking up. */
  readonly prefetch: number
  /** How long a lane stays taken after its holder's last sign of life. */
  readonly lease: Duration.Duration
  /**
   * What a refused observation does: `"Quarantine"` keeps it in a durable row and
   * goes on; `"Hold"` ends the run before it, with everything earlier committed.
   */
  readonly onRefusal: "Hold" | "Quarantine"
  /** Which outcomes leave an item: no-ops are always counted. */
  readonly items: "Changes" | "All"
}

/** Their defaults. @category constants @since 0.1.0 */
export const standard: Standard = {
  settle: Duration.minutes(5),
  batchSize: 1_000,
  prefetch: 2,
  lease: Duration.seconds(30),
  onRefusal: "Quarantine",
  items: "Changes"
}

/** How one run is to go. @category models @since 0.1.0 */
export interface RunOptions {
  /** Default: the lane `live`. */
  readonly lane?: Lane.Lane
  /** Default: `"Manual"`. */
  readonly trigger?: Run.Trigger
  /** Fence whoever holds the lane. Default: `false`. */
  readonly isTakingOver?: boolean
  /** Release the lane if its brake stopped it. Default: `false`. */
  readonly isReleasing?: boolean
}

/** @category errors @since 0.1.0 */
export type SyncError =
  | ChangeSource.SourceError
  | ChangeSink.SinkError
  | StoreError.StoreError
  | UnitOfWork.TransactionError
  | CursorRule.CursorError
  | Lanes.Fenced
  | Lanes.AccountMismatch
  | Lanes.Stopped

/** What the engine needs from a store. @category context @since 0.1.0 */
export type Ports =
  | UnitOfWork.UnitOfWork
  | Lanes.Lanes
  | Ledger.Ledger
  | RunRecorder.RunRecorder
  | Quarantine.Quarantine
  | Outbox.Outbox
  | Intents.Intents

/** What one committed batch did. @category models @since 0.1.0 */
export type BatchReport = Closing.Report

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** A sync with its defaults. @category constructors @since 0.1.0 */
export const make = <A extends object, C, R = never>(options: Options<A, C, R>): Sync<A, C, R> => {
  const { schema, sink, source, subscription } = options
  const differ = options.differ ?? FieldDiffer.fromSchema(schema)
  const settle = Duration.fromInputUnsafe(options.settle ?? standard.settle)
  return {
    subscription,
    schema,
    source,
    sink,
    differ,
    rules: {
      differ,
      domain: source.domain,
      settle: Duration.toMillis(settle),
      canFetch: source.fetch !== undefined,
      check: checkOf(schema, sink),
      contract: Contract.make(schema, options.contract)
    },
    settle,
    batchSize: options.batchSize ?? standard.batchSize,
    prefetch: options.prefetch ?? standard.prefetch,
    lease: Duration.fromInputUnsafe(options.lease ?? standard.lease),
    onRefusal: options.onRefusal ?? standard.onRefusal,
    items: options.items ?? standard.items,
    events: options.events ?? false,
    redriven: undefined
  }
}

/** A record must have the shape of its schema, and fit into the sink. */
const checkOf = <A extends object>(
  schema: FieldDiffer.RecordSchema<A>,
  sink: ChangeSink.ChangeSink<A>
): Plan.Rules<A>["check"] => {
  const isRecord = Shape.is(schema)
  const decode = Schema.decodeUnknownResult(Schema.toType(schema))
  return (record) => {
    if (isRecord(record)) return sink.check?.(record)
    const result = decode(record)
    return Result.isFailure(result)
      ? new Write.Rejection({ code: "Invalid", message: result.failure.message })
      : sink.check?.(record)
  }
}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/**
 * Runs once, from the lane's cursor to the present, and summarises. `Busy` is an
 * answer, not a fault: another run has the lane, and nothing was read. Parked
 * records are tried again before the run and after it, see `Parking`.
 *
 * @category running
 * @since 0.1.0
 */
export const run = <A extends object, C, R>(
  sync: Sync<A, C, R>,
  options: RunOptions & {
    /** Is told of each committed batch before the next one commits. */
    readonly onReport?: (report: BatchReport) => Effect.Effect<void>
  } = {}
): Effect.Effect<Run.Summary | Lanes.Busy, SyncError, Ports | R> =>
  Parking.around(sync, options, Execution.run(sync, options))

/**
 * The run as a stream: one report per committed batch. Interrupting it between
 * reports loses nothing; the next run resumes from the last report's cursor.
 *
 * @category running
 * @since 0.1.0
 */
export const stream = <A extends object, C, R>(
  sync: Sync<A, C, R>,
  options: RunOptions = {}
): Stream.Stream<BatchReport, SyncError | Lanes.Busy, Ports | R> =>
  Stream.suspend(() => {
    let isHelped = false
    const run = Stream.tap(Execution.stream(sync, options), ({ counts }) =>
      Effect.sync(() => {
        isHelped ||= Parking.mayHelp(counts)
      })
    )
    const after = Effect.suspend(() => (isHelped ? Parking.retry(sync, options) : Effect.void))
    return Stream.fromEffectDrain(Parking.retry(sync, options)).pipe(
      Stream.concat(run),
      Stream.concat(Stream.fromEffectDrain(after))
    )
  })

/**
 * What a run would do now, decision by decision, with nothing written and no lane
 * claimed. Stops where the stream is no longer pulled. With an `overlay` it sees
 * what earlier previews of the same subscription would leave, and adds to it.
 *
 * @category running
 * @since 0.1.0
 */
export const plan = <A extends object, C, R>(
  sync: Sync<A, C, R>,
  options: { readonly lane?: Lane.Lane; readonly overlay?: Preview.Overlay<A> } = {}
): Stream.Stream<
  Preview.Preview<A, C>,
  ChangeSource.SourceError | ChangeSink.SinkError | StoreError.StoreError | CursorRule.CursorError,
  Lanes.Lanes | Ledger.Ledger | Quarantine.Quarantine | R
> => Preview.stream(sync, options.lane ?? Lane.live(sync.subscription), options.overlay ?? new Map())
