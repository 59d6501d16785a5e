/**
 * Judges a history of deliveries by its files alone. It knows nothing of the relay,
 * of consumers' code or of tables: only what the lines mean.
 *
 * - `lost`: pairs of an event and a consumer that were neither handled nor given up,
 *   and facts without an event.
 * - `doubled_effects`: effects beyond the first of an event and a consumer, facts told
 *   of by two events, and effects of what never was a fact.
 * - `inversions`: effects of an event behind an effect of a later event of its key.
 * - `blocked_other_keys`: deliveries of keys that were not refused, to a consumer some
 *   of whose keys were, that nobody was given for longer than `patience`, while a key
 *   that was refused was tried again in the time beyond. The wait begins when both the
 *   event was committed and the last attempt of the event before it had begun, and
 *   ends with its first attempt. It begins anew with each claim that came to no attempt,
 *   because the worker was killed or stopped in between: `patience` allows for the lease
 *   of one such worker, and a turn.
 * - `stale_settlements`: settlements by another worker than the one that claimed the
 *   delivery last, and effects in a transaction that committed when a later attempt
 *   had begun.
 * - `takeover_seconds_max`: the longest time from a kill to the claim by another worker
 *   of what the killed one had begun and did not settle.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type { PlatformError } from "effect/PlatformError"
import * as path from "node:path"
import type * as Handled from "../Handled.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** The names are stable: other programs read them. */
export interface Verdict {
  readonly ok: boolean
  readonly events: number
  /** Effects of all consumers. */
  readonly handled: number
  readonly lost: number
  readonly doubled_effects: number
  readonly inversions: number
  readonly blocked_other_keys: number
  readonly stale_settlements: number
  readonly kills: number
  readonly kills_in_tx: number
  /** Workers that were stopped for longer than the lease, and went on. */
  readonly stops: number
  /** Deliveries that a stopped worker had begun and another one was given meanwhile. */
  readonly overtaken: number
  readonly dead: number
  readonly takeover_seconds_max: number
}

/** What the command says of itself. */
export interface Settings {
  readonly consumers: ReadonlyArray<string>
  /** Those whose effect commits with the settlement. */
  readonly transactional: ReadonlyArray<string>
  /** Keys that were refused until the end, by consumer. */
  readonly refused: Readonly<Record<string, ReadonlyArray<string>>>
  /** In ms. */
  readonly patience: number
}

interface Fact {
  readonly t: string
  readonly tenant: string
  readonly entity: string
  readonly key: string
  readonly fact: number
}

interface Event {
  readonly id: string
  readonly tenant: string
  readonly entity: string
  readonly key: string
  readonly revision: number
  readonly payload: { readonly fact?: number }
}

interface Call extends Handled.Line {
  readonly t: string
  readonly attempt: number
  readonly pid: number
}

interface Settled {
  readonly t: string
  readonly consumer: string
  readonly event: string
  readonly epoch: number
  readonly op: "claim" | "settle"
  readonly by: string
}

interface Signal {
  readonly t: string
  readonly pid: number
  readonly signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"
  readonly point?: string
}

interface History {
  readonly settings: Settings
  readonly facts: ReadonlyArray<Fact>
  readonly events: ReadonlyArray<Event>
  readonly handled: ReadonlyArray<Call>
  /** Every time a handler was given an event. */
  readonly attempts: ReadonlyArray<Call>
  readonly deliveries: ReadonlyArray<Settled>
  readonly dead: ReadonlyArray<{ readonly consumer: string; readonly event: string }>
  readonly kills: ReadonlyArray<Signal>
  readonly stops: ReadonlyArray<Signal>
}

// -----------------------------------------------------------------------------
// judging
// -----------------------------------------------------------------------------

/** What a history shows: the verdict, and all that is wrong in words. */
export const judge = Effect.fnUntraced(function* (directory: string) {
  const fs = yield* FileSystem.FileSystem
  const lines = <Name extends Exclude<keyof History, "settings">>(
    file: Name
  ): Effect.Effect<History[Name], PlatformError> =>
    Effect.map(
      fs.readFileString(path.join(directory, `${file}.jsonl`)),
      (text) => text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)])) as unknown as History[Name]
    )
  const history: History = {
    settings: JSON.parse(yield* fs.readFileString(path.join(directory, "settings.json"))) as Settings,
    facts: yield* lines("facts"),
    events: yield* lines("events"),
    handled: yield* lines("handled"),
    attempts: yield* lines("attempts"),
    deliveries: yield* lines("deliveries"),
    dead: yield* lines("dead"),
    kills: yield* lines("kills"),
    stops: yield* lines("stops")
  }
  return verdictOf(history)
})

const verdictOf = (history: History): { readonly verdict: Verdict; readonly violations: ReadonlyArray<string> } => {
  const attempts = Map.groupBy(history.attempts, pairOf)
  const lost = [...lostFacts(history), ...lostDeliveries(history)]
  const doubled = [...doubledFacts(history), ...doubledEffects(history)]
  const inverted = inversions(history)
  const blocked = blockedOthers(history, attempts)
  const stale = [...staleSettlements(history), ...staleEffects(history, attempts)]
  const violations = [...lost, ...doubled, ...inverted, ...blocked, ...stale]
  const { dead, events, handled, kills, stops } = history
  return {
    verdict: {
      ok: violations.length === 0 && events.length > 0,
      events: events.length,
      handled: handled.length,
      lost: lost.length,
      doubled_effects: doubled.length,
      inversions: inverted.length,
      blocked_other_keys: blocked.length,
      stale_settlements: stale.length,
      kills: kills.length,
      kills_in_tx: kills.filter(({ point }) => point === "inside-tx").length,
      stops: stops.filter(({ signal }) => signal === "SIGCONT").length,
      overtaken: overtaken(history, attempts),
      dead: dead.length,
      takeover_seconds_max: Math.round(longestTakeover(history, attempts) / 100) / 10
    },
    violations
  }
}

type Attempts = ReadonlyMap<string, ReadonlyArray<Call>>

const pairOf = ({ consumer, event }: { readonly consumer: string; readonly event: string }): string =>
  `${consumer} ${event}`

const lineOf = ({ consumer, entity, key }: Call): string => JSON.stringify([consumer, entity, key])

const millis = ({ t }: { readonly t: string }): number => Date.parse(t)

// -----------------------------------------------------------------------------
// lost and doubled
// -----------------------------------------------------------------------------

const placeOf = ({ entity, key, tenant }: Fact | Event, fact: number | undefined): string =>
  JSON.stringify([tenant, entity, key, fact])

const lostFacts = ({ events, facts }: History): ReadonlyArray<string> => {
  const told = new Set(events.map((event) => placeOf(event, event.payload.fact)))
  return facts.flatMap((fact) =>
    told.has(placeOf(fact, fact.fact)) ? [] : [`lost: no event tells of the fact ${fact.fact} of ${fact.key}`]
  )
}

const lostDeliveries = ({ dead, events, handled, settings }: History): ReadonlyArray<string> => {
  const ended = new Set([...handled.map(pairOf), ...dead.map(pairOf)])
  return events.flatMap(({ id }) =>
    settings.consumers.flatMap((consumer) =>
      ended.has(pairOf({ consumer, event: id })) ? [] : [`lost: ${consumer} never handled ${id}`]
    )
  )
}

const doubledFacts = ({ events, facts }: History): ReadonlyArray<string> => {
  const known = new Set(facts.map((fact) => placeOf(fact, fact.fact)))
  return events.flatMap((event) =>
    // The first event of a fact takes it away from those that follow.
    known.delete(placeOf(event, event.payload.fact)) ? [] : [`doubled: ${event.id} tells of no fact, or of one again`]
  )
}

const doubledEffects = ({ events, handled }: History): ReadonlyArray<string> => {
  const known = new Set(events.map(({ id }) => id))
  const seen = new Set<string>()
  return handled.flatMap((one) => {
    const pair = pairOf(one)
    const isAgain = seen.has(pair)
    seen.add(pair)
    if (isAgain) return [`doubled: ${one.consumer} had its effect of ${one.event} again at ${one.t}, by ${one.pid}`]
    return known.has(one.event) ? [] : [`doubled: ${one.consumer} had an effect of ${one.event}, which is no event`]
  })
}

// -----------------------------------------------------------------------------
// order
// -----------------------------------------------------------------------------

/** The order of effects of a line is the order of their lines in the file. What is late is beside it. */
const inversions = ({ handled }: History): ReadonlyArray<string> => {
  const furthest = new Map<string, number>()
  return handled.flatMap((one) => {
    if (one.late) return []
    const line = lineOf(one)
    const before = furthest.get(line) ?? 0
    furthest.set(line, Math.max(before, one.revision))
    return one.revision < before
      ? [`inverted: ${one.consumer} handled ${one.revision} of ${one.key} behind ${before}, at ${one.t}`]
      : []
  })
}

const claimsOf = ({ deliveries }: Pick<History, "deliveries">) =>
  Map.groupBy(
    deliveries.filter(({ op }) => op === "claim"),
    pairOf
  )

/** The longest time between two neighbours, of which there are at least two. */
const longest = (times: ReadonlyArray<number>) =>
  times
    .slice(1)
    .map((to, place) => ({ from: times[place]!, to }))
    .reduce((most, gap) => (gap.to - gap.from > most.to - most.from ? gap : most))

const blockedOthers = (history: History, attempts: Attempts): ReadonlyArray<string> => {
  const { events, facts, settings } = history
  const claims = claimsOf(history)
  const committed = new Map(facts.map((fact) => [placeOf(fact, fact.fact), millis(fact)]))
  const lines = [...Map.groupBy(events, ({ entity, key }) => JSON.stringify([entity, key])).values()].map((line) =>
    line.toSorted((a, b) => a.revision - b.revision)
  )
  return Object.entries(settings.refused).flatMap(([consumer, keys]) => {
    const refused = new Set(keys)
    const retries = history.attempts
      .flatMap((one) => (one.consumer === consumer && refused.has(one.key) ? [millis(one)] : []))
      .toSorted((a, b) => a - b)
    const tries = (event: string) => (attempts.get(pairOf({ consumer, event })) ?? []).map(millis)
    const claimed = (event: string) => (claims.get(pairOf({ consumer, event })) ?? []).map(millis)
    return lines.flatMap((line) =>
      refused.has(line[0]!.key)
        ? []
        : line.flatMap((event, place) => {
            const before = line[place - 1]
            const known = committed.get(placeOf(event, event.payload.fact)) ?? Infinity
            const ready = Math.max(known, ...(before === undefined ? [] : tries(before.id)))
            const first = Math.min(...tries(event.id))
            const wait = longest([ready, ...claimed(event.id).filter((t) => t > ready && t < first), first])
            const late = wait.from + settings.patience
            const isBlocked = wait.to > late && retries.some((t) => t > late && t < wait.to)
            return isBlocked ? [`blocked: ${consumer} waited ${wait.to - wait.from} ms with ${event.id}`] : []
          })
    )
  })
}

// -----------------------------------------------------------------------------
// settlements
// -----------------------------------------------------------------------------

const staleSettlements = ({ deliveries }: History): ReadonlyArray<string> => {
  const holders = new Map<string, string>()
  return deliveries.flatMap((one) => {
    if (one.op === "claim") {
      holders.set(pairOf(one), one.by)
      return []
    }
    const holder = holders.get(pairOf(one))
    return holder === one.by ? [] : [`stale: ${one.by} settled ${one.event} for ${one.consumer}, held by ${holder}`]
  })
}

/** Of effects that commit with the settlement. */
const staleEffects = ({ handled, settings }: History, attempts: Attempts): ReadonlyArray<string> =>
  handled.flatMap((one) => {
    if (!settings.transactional.includes(one.consumer)) return []
    const later = (attempts.get(pairOf(one)) ?? []).find(
      (call) => call.attempt > one.attempt && millis(call) < millis(one)
    )
    return later === undefined
      ? []
      : [`stale: attempt ${one.attempt} of ${one.event} committed behind the beginning of ${later.attempt}`]
  })

/** The time between a stop and the next signal that lets the process go on. */
const overtaken = ({ stops }: History, attempts: Attempts): number => {
  const pauses = stops.flatMap((stop, place) => {
    if (stop.signal !== "SIGSTOP") return []
    const end = stops.slice(place).find(({ pid, signal }) => pid === stop.pid && signal === "SIGCONT")
    return [{ pid: stop.pid, from: millis(stop), to: end === undefined ? Infinity : millis(end) }]
  })
  if (pauses.length === 0) return 0
  const byPid = Map.groupBy(pauses, ({ pid }) => pid)
  return [...attempts.values()].filter((calls) =>
    calls.some((call, place) => {
      const next = calls[place + 1]
      if (next === undefined || next.pid === call.pid) return false
      return byPid
        .get(call.pid)
        ?.some(({ from, to }) => millis(call) <= from && millis(next) >= from && millis(next) <= to)
    })
  ).length
}

/** Of what a killed worker had begun last: until somebody is given it. */
const longestTakeover = ({ deliveries, kills }: History, attempts: Attempts): number => {
  const killed = new Map(kills.map((kill) => [kill.pid, millis(kill)]))
  const claims = claimsOf({ deliveries })
  let longest = 0
  for (const [pair, calls] of attempts) {
    for (const [place, call] of calls.entries()) {
      const at = killed.get(call.pid)
      const after = calls[place + 1]
      // What somebody else was given before the kill was nothing to take over.
      if (at === undefined || (after !== undefined && millis(after) <= at)) continue
      const next = claims.get(pair)?.find((claim) => millis(claim) > at)
      if (next !== undefined) longest = Math.max(longest, millis(next) - at)
    }
  }
  return longest
}
