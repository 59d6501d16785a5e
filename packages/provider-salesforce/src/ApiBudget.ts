/**
 * How many of the org's daily calls may be used before reading stops.
 *
 * The limit of calls is the org's, rolls over 24 hours, and is shared with all its
 * integrations, so a sync that uses the last one stops others. Every answer says
 * how many are used (`Sforce-Limit-Info`). Once the budget is reached a call fails
 * with `QuotaExhausted` before it is sent: the run ends at its last commit, and
 * resumes from there. After `recheck` one call is let through to look again.
 *
 * **Guarantees**
 *
 * - a client that calls alone uses no more than the budget, but for the calls it
 *   makes before the first answer, those given up before their answer came, and one
 *   for each `recheck`;
 * - other calls under way are counted as used, so that many at once pass it no further.
 *
 * @since 0.1.0
 */
import * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Setting from "./Setting.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** Calls of the last 24 hours, by whomever, and how many the org may make. @category models @since 0.1.0 */
export interface Usage {
  readonly used: number
  readonly limit: number
}

/** Where both `share` and `calls` are given, the smaller counts. @category models @since 0.1.0 */
export interface Options {
  /** Share of the org's daily limit that may be used, by all integrations together. Defaults to 0.8, unless `calls` is given. */
  readonly share?: number | undefined
  /** Calls of the org within 24 hours, by all integrations together, at which reading stops. */
  readonly calls?: number | undefined
  /** How long to send nothing once the budget is reached, before looking again. Defaults to 15 minutes. */
  readonly recheck?: Duration.Input | undefined
}

/** The budget is used up: the `cause` of the `SourceError`. @category errors @since 0.1.0 */
export class Exhaustion extends Schema.TaggedError<Exhaustion>()("SalesforceExhaustion", {
  used: Schema.Finite,
  limit: Schema.Finite,
  /** Used calls at which reading stops. */
  allowed: Schema.Finite
}) {}

/** @category models @since 0.1.0 */
export interface ApiBudget {
  /** Runs the call, or fails with `QuotaExhausted` without running it. */
  readonly within: <A>(call: Effect.Effect<A, ChangeSource.SourceError>) => Effect.Effect<A, ChangeSource.SourceError>
  /** What an answer said; the newest counts. */
  readonly note: (usage: Usage) => Effect.Effect<void>
  /** The server itself refused a call for the limit: no other is sent until `recheck` has passed. */
  readonly refused: Effect.Effect<void>
}

// -----------------------------------------------------------------------------
// conversions
// -----------------------------------------------------------------------------

/**
 * From the header `Sforce-Limit-Info`, as in `api-usage=8/15000` (REST API guide,
 * "Limit Info Header"), among other parts; `undefined` for anything else.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromHeader = (header: string | undefined): Usage | undefined => {
  const parts = /(?:^|[\s;,])api-usage=(\d{1,12})\/(\d{1,12})(?:$|[\s;,])/.exec((header ?? "").slice(0, 1000))
  const [used, limit] = [Number(parts?.[1]), Number(parts?.[2])]
  return limit > 0 ? { used, limit } : undefined
}

/** Used calls at which reading stops. @category conversions @since 0.1.0 */
export const allowed = (options: Options, limit: number): number => {
  const share = options.share ?? (options.calls === undefined ? shareUsual : 1)
  return Math.min(Math.floor(share * limit), options.calls ?? Number.POSITIVE_INFINITY)
}

const shareUsual = 0.8

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/** Fails with `Invalid` when an option is out of bounds. @category constructors @since 0.1.0 */
export const make = Effect.fnUntraced(function* (
  source: string,
  options: Options = {}
): Effect.fn.Return<ApiBudget, ChangeSource.SourceError> {
  if (options.share !== undefined) yield* Setting.share("apiBudget.share", options.share)
  if (options.calls !== undefined) yield* Setting.whole("apiBudget.calls", options.calls, 1, 1e9)
  const recheck = yield* Setting.time("apiBudget.recheck", options.recheck ?? "15 minutes", "1 second", "1 day")
  let usage: Usage | undefined
  let isRefused = false
  let underWay = 0
  /** When the server last told, or was last asked in vain, in ms. */
  let lookedAt = 0

  const isSpent = () => isRefused || (usage !== undefined && usage.used + underWay >= allowed(options, usage.limit))

  const within = <A>(call: Effect.Effect<A, ChangeSource.SourceError>) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (isSpent()) {
        const wait = lookedAt + recheck - now
        if (wait > 0) return Effect.fail(exhausted(source, options, usage, wait))
        lookedAt = now
      }
      underWay++
      return Effect.ensuring(
        call,
        Effect.sync(() => underWay--)
      )
    })

  return {
    // Counted and uncounted without a gap in which an interruption could come.
    within: (call) => Effect.uninterruptibleMask((restore) => within(restore(call))),
    note: (told) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        usage = told
        isRefused = false
        lookedAt = now
      }),
    refused: Effect.map(Clock.currentTimeMillis, (now) => {
      isRefused = true
      lookedAt = now
    })
  }
})

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const exhausted = (source: string, options: Options, usage: Usage | undefined, wait: number) => {
  const again = `Run again in ${Math.ceil(wait / 60_000)} minutes or later: the position is kept.`
  if (usage === undefined) {
    return new ChangeSource.SourceError({
      reason: "QuotaExhausted",
      source,
      message: `Nothing was sent: Salesforce refused the last call because the org's daily limit is used up. ${again}`,
      retryAfter: wait
    })
  }
  const { limit, used } = usage
  const most = allowed(options, limit)
  const percent = Math.round((most / limit) * 1000) / 10
  return new ChangeSource.SourceError({
    reason: "QuotaExhausted",
    source,
    message:
      `Nothing was sent: the org has used ${used} of its ${limit} calls a day, and apiBudget ends at ${most} ` +
      `(${percent}%). ${again} Or raise apiBudget, or ask Salesforce for more calls.`,
    retryAfter: wait,
    cause: new Exhaustion({ used, limit, allowed: most })
  })
}
