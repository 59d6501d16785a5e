/**
 * The settings of relay, retention and syncs as `Config` values: each with the
 * default that its module has, and bounds that are checked where it is read.
 *
 * ```ts
 * const options = yield* Settings.relay // of `Relay.run`
 * ```
 *
 * The names are paths: `ConfigProvider.constantCase` makes
 * `TIDEMARK_RELAY_POLL_IDLE` of `tidemark`, `relay`, `pollIdle`.
 *
 * No setting turns publishing off. What pauses is a consumer or a lane, by a command
 * that says who did it and when, and it pauses delivery, never writing (W45).
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as Backoff from "../rules/Backoff.ts"
import * as Keeping from "../rules/Keeping.ts"
import * as Relay from "./Relay.ts"
import * as Retention from "./Retention.ts"
import * as Sync from "./Sync.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One setting, for who documents it. @category models @since 0.1.0 */
export interface Setting<out A = unknown> {
  readonly path: ReadonlyArray<string>
  /** As a person writes it. */
  readonly standard: string
  /** What it is, in one sentence. */
  readonly says: string
  /** With its default. */
  readonly config: Config.Config<A>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

const root = "tidemark"

const isWithin = (given: Duration.Duration, least: Duration.Duration): true | string =>
  (Duration.isGreaterThanOrEqualTo(given, least) && Duration.isLessThanOrEqualTo(given, longest)) ||
  `it has to be from ${Duration.format(least)} to ${Duration.format(longest)}`

/** Long enough for anything that is meant, and short enough for a date to hold it. */
const longest = Duration.days(36_500)

const duration = (
  path: ReadonlyArray<string>,
  standard: Duration.Duration,
  says: string,
  least: Duration.Duration = Duration.millis(1)
): Setting<Duration.Duration> => ({
  path: [root, ...path],
  standard: Duration.format(standard),
  says,
  config: Config.withDefault(
    Config.schema(Schema.DurationFromString.check(Schema.makeFilter((given) => isWithin(given, least))), [
      root,
      ...path
    ]),
    standard
  )
})

const count = (
  path: ReadonlyArray<string>,
  standard: number,
  says: string,
  [minimum, maximum]: readonly [minimum: number, maximum: number]
): Setting<number> => ({
  path: [root, ...path],
  standard: String(standard),
  says,
  config: Config.withDefault(
    Config.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })), [root, ...path]),
    standard
  )
})

const choice = <const L extends string>(
  path: ReadonlyArray<string>,
  choices: readonly [L, ...ReadonlyArray<L>],
  says: string
): Setting<L> => ({
  path: [root, ...path],
  standard: choices[0],
  says,
  config: Config.withDefault(Config.schema(Schema.Literals(choices), [root, ...path]), choices[0])
})

// -----------------------------------------------------------------------------
// settings
// -----------------------------------------------------------------------------

const ofRelay = {
  lease: duration(
    ["relay", "lease"],
    Relay.leaseDefault,
    "How long a delivery stays with a process that does not answer."
  ),
  grace: duration(
    ["relay", "grace"],
    Relay.graceDefault,
    "How long handlers have to end when the relay is stopped.",
    Duration.zero
  ),
  active: duration(
    ["relay", "pollActive"],
    Relay.pollDefault.active,
    "How long to wait before looking again, where there was something."
  ),
  idle: duration(
    ["relay", "pollIdle"],
    Relay.pollDefault.idle,
    "How long to wait before looking again, where there was nothing."
  ),
  inbound: count(
    ["relay", "inbound"],
    Relay.concurrencyDefault,
    "Most handlers at once of events from outside; 0 leaves them to other processes.",
    [0, 10_000]
  ),
  change: count(
    ["relay", "change"],
    Relay.concurrencyDefault,
    "Most handlers at once of changes; 0 leaves them to other processes.",
    [0, 10_000]
  ),
  outbound: count(
    ["relay", "outbound"],
    Relay.concurrencyDefault,
    "Most handlers at once of events on their way out; 0 leaves them to other processes.",
    [0, 10_000]
  )
}

const ofRetry = {
  base: duration(
    ["retry", "base"],
    Backoff.standard.base,
    "How long a delivery that failed waits for its second attempt; doubled for each one after it."
  ),
  cap: duration(["retry", "cap"], Backoff.standard.cap, "The longest wait between two attempts."),
  attempts: count(
    ["retry", "attempts"],
    Backoff.standard.attempts,
    "Most attempts of a delivery before it is a dead letter.",
    [1, 1_000]
  )
}

const ofRetention = {
  events: duration(
    ["retention", "events"],
    Keeping.agesDefault.events,
    "How long events and their receipts are kept, from when they were appended."
  ),
  messages: duration(
    ["retention", "messages"],
    Keeping.agesDefault.messages,
    "How long messages of the inbox are kept, from when they were handled."
  ),
  runs: duration(
    ["retention", "runs"],
    Keeping.agesDefault.runs,
    "How long runs and their items are kept, from when they were closed."
  ),
  refusals: duration(
    ["retention", "refusals"],
    Keeping.agesDefault.refusals,
    "How long refusals are kept, from when they were closed."
  ),
  redrive: duration(
    ["retention", "redrive"],
    Keeping.redriveDefault,
    "How long after its last attempt a delivery may be redriven, or a sender may come again.",
    Duration.zero
  ),
  limit: count(["retention", "limit"], Retention.limitDefault, "Most rows that one transaction removes.", [1, 100_000]),
  pause: duration(
    ["retention", "pause"],
    Duration.zero,
    "How long to wait between two transactions of a removal.",
    Duration.zero
  ),
  interval: duration(
    ["retention", "interval"],
    Retention.intervalDefault,
    "How long after a removal the next one begins."
  )
}

const ofSync = {
  settle: duration(
    ["sync", "settle"],
    Sync.standard.settle,
    "How late a record may become visible at its source: the cursor stays so far behind.",
    Duration.zero
  ),
  batchSize: count(["sync", "batchSize"], Sync.standard.batchSize, "Most changes of one transaction.", [1, 10_000]),
  prefetch: count(["sync", "prefetch"], Sync.standard.prefetch, "How many pages are read ahead.", [1, 100]),
  lease: duration(["sync", "lease"], Sync.standard.lease, "How long a lane stays with a process that does not answer."),
  onRefusal: choice(
    ["sync", "onRefusal"],
    ["Quarantine", "Hold"],
    "What becomes of a record that is refused: it is kept and passed, or the lane stops before it."
  ),
  items: choice(["sync", "items"], ["Changes", "All"], "What a run records: what it changed, or all that it read.")
}

/** All of them, in the order in which they are documented. @category constants @since 0.1.0 */
export const all: ReadonlyArray<Setting> = [ofRelay, ofRetry, ofRetention, ofSync].flatMap((part) =>
  Object.values<Setting>(part)
)

// -----------------------------------------------------------------------------
// configs
// -----------------------------------------------------------------------------

/** Options of `Relay.run`. @category configs @since 0.1.0 */
export const relay: Config.Config<Required<Pick<Relay.Options<never>, "lease" | "grace" | "poll" | "concurrency">>> =
  Config.all({
    lease: ofRelay.lease.config,
    grace: ofRelay.grace.config,
    poll: Config.all({ active: ofRelay.active.config, idle: ofRelay.idle.config }),
    concurrency: Config.all({
      inbound: ofRelay.inbound.config,
      change: ofRelay.change.config,
      outbound: ofRelay.outbound.config
    })
  })

/** When a consumer's deliveries are tried again: its option `retry`, and one of retention's `schedules`. @category configs @since 0.1.0 */
export const retry: Config.Config<Backoff.Backoff> = Config.map(
  Config.all({ base: ofRetry.base.config, cap: ofRetry.cap.config, attempts: ofRetry.attempts.config }),
  (given) => ({ ...Backoff.standard, ...given })
)

/** Options of `Retention.run`. @category configs @since 0.1.0 */
export const retention: Config.Config<Retention.Options> = Config.all({
  ages: Config.all({
    events: ofRetention.events.config,
    messages: ofRetention.messages.config,
    runs: ofRetention.runs.config,
    refusals: ofRetention.refusals.config
  }),
  schedules: Config.map(retry, (one) => [one]),
  redrive: ofRetention.redrive.config,
  limit: ofRetention.limit.config,
  pause: ofRetention.pause.config
})

/** The interval of `Retention.every`. @category configs @since 0.1.0 */
export const retentionInterval: Config.Config<Duration.Duration> = ofRetention.interval.config

/** Options of `Sync.make`. @category configs @since 0.1.0 */
export const sync: Config.Config<Sync.Standard> = Config.all({
  settle: ofSync.settle.config,
  batchSize: ofSync.batchSize.config,
  prefetch: ofSync.prefetch.config,
  lease: ofSync.lease.config,
  onRefusal: ofSync.onRefusal.config,
  items: ofSync.items.config
})
