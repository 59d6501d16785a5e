/**
 * A copy of an org through bad weather: runs between random changes, beneath random
 * faults, some of them killed, until all is calm. Everything follows from a seed.
 */
import * as Check from "@tidemark/laws/Check"
import type * as History from "@tidemark/laws/History"
import { Faults, Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import * as Chance from "./chance.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One run of both lanes, as the command makes it. */
export interface Process {
  readonly org: Simulator.Simulator
  readonly batchSize: number
  /** Before each request of the client. */
  readonly onRequest: Effect.Effect<void>
  /** At each step of the store, where one can look into it. */
  readonly onStep: Effect.Effect<void>
}

/** How a run ended; `said` is empty when it ended well. */
export interface Ended {
  readonly said: string
  readonly news: number
}

/** Where the copy is kept. */
export interface Store {
  readonly run: (process: Process) => Effect.Effect<Ended>
  readonly look: (org: Simulator.Simulator) => Effect.Effect<Looked>
}

export interface Looked extends Pick<History.History, "items" | "events" | "rows" | "lanes"> {
  readonly upstream: { readonly [id: string]: History.Fields }
  readonly local: { readonly [id: string]: History.Fields }
  readonly cursors: { readonly [lane: string]: History.Fields | null }
  /** Of runs that nobody closed. */
  readonly open: number
}

/** What a simulation went through. */
export interface Report {
  readonly fired: { readonly [kind: string]: number }
  readonly runs: number
  readonly failed: number
  readonly killed: number
  readonly records: number
  readonly revisions: number
}

// -----------------------------------------------------------------------------
// running
// -----------------------------------------------------------------------------

/** Runs after which a calm org must be copied. */
const runsMax = 4

const settle = 300_000

/** Plays a seed to its end, and fails with all that is wrong with the copy. */
export const play = Effect.fnUntraced(function* (
  seed: number,
  make: (org: Simulator.Simulator) => Effect.Effect<Store>
) {
  const chance = Chance.make(seed)
  const org = yield* Simulator.make({
    seed,
    accounts: chance.below(80),
    tie: chance.below(30),
    pageMax: chance.pick([2, 7, 7, 25]),
    shortPages: chance.is(0.5),
    ignoresSeconds: chance.is(0.3)
  })
  const store = yield* make(org)
  const play_: Play = { org, store, chance, tally: { runs: 0, failed: 0, killed: 0 }, cursors: {} }
  const rounds = 3 + chance.below(4)
  for (let round = 0; round < rounds; round++) {
    yield* change(play_)
    yield* weather(play_)
    yield* once(play_)
  }
  yield* org.control.calm
  yield* org.control.advance(settle + 60_000)
  yield* rest(play_)
  const looked = yield* judge(play_)
  const { faults } = yield* org.control.state
  const revisions = looked.items.filter(({ outcome }) => outcome === "Applied").length
  return { ...play_.tally, fired: faults, records: Object.keys(looked.local).length, revisions }
})

interface Play {
  readonly org: Simulator.Simulator
  readonly store: Store
  readonly chance: Chance.Chance
  readonly tally: { runs: number; failed: number; killed: number }
  /** After the run before. */
  cursors: Looked["cursors"]
}

const entity = "Account"

/** Records change, some in transactions that stay open for less than the copy waits for them; time passes. */
const change = Effect.fnUntraced(function* ({ chance, org }: Play) {
  const { control } = org
  const count = chance.is(0.2) ? 60 : chance.below(20)
  yield* control.mutate({ random: { count, seed: chance.below(1e9), entity, lateMaxMs: chance.pick([0, 240_000]) } })
  if (chance.is(0.3)) {
    const ids = Object.keys((yield* control.state).entities[entity] ?? {})
    const [id, loser] = [chance.pick(ids), chance.pick(ids)]
    // The latest truth may know one of them as deleted: then nothing is merged.
    yield* Effect.ignore(control.mutate({ ops: [{ op: "merge", entity, id, losers: [loser] }] }))
  }
  yield* control.advance(chance.is(0.03) ? 17 * 86_400_000 : chance.pick([1_000, 20_000, 90_000, 400_000]))
})

/** Next pages more often than the rest: what strikes there is hardest to mend. */
const next = ["/query/", "/query/", "/query/", "/query/", "/queryAll?", "/deleted/", "%20IN%20", "/describe"]
const all = next.concat("/services/data/", "Organization", "")
/** A user who may not read who the org is knows it by its host from then on: another account, until a person decides. */
const matches = (kind: Faults.Kind) => (kind === "noAccess" ? next : all)

/** Old faults stay or pass, new ones come. */
const weather = Effect.fnUntraced(function* ({ chance, org: { control } }: Play) {
  if (chance.is(0.5)) yield* control.calm
  const count = chance.below(4)
  for (let made = 0; made < count; made++) {
    const kind = chance.pick(Faults.kinds)
    const isStanding = chance.is(0.3)
    // Endings make the token endpoint be asked, where one kind lives.
    if (kind === "invalidClient") yield* control.fault({ match: "/query", kind: "expireToken" })
    const match = kind === "invalidClient" ? "/oauth2/token" : chance.pick(matches(kind))
    yield* control.fault({
      kind,
      match,
      nth: 1 + chance.below(4),
      ...(isStanding ? { every: 2 + chance.below(9) } : { times: 1 + chance.below(6) }),
      retryAfter: chance.pick([0, 1, 5, 3600])
    })
  }
})

/** One run, which may be killed at any request or step, and beside which records may change. */
const once = Effect.fnUntraced(function* (play: Play) {
  const { chance, org, store, tally } = play
  const kill = yield* Deferred.make<void>()
  const isKilled = chance.is(0.3)
  const isByStep = chance.is(0.5)
  const at = { kill: isKilled ? chance.below(isByStep ? 150 : 30) : Infinity, change: chance.below(60) }
  const random = { count: 1 + chance.below(5), seed: chance.below(1e9), entity }
  // A step may lie where nothing is interrupted: it goes on, to where the interruption finds it.
  const strike = (isHere: boolean) => {
    let passed = 0
    return Effect.suspend(() =>
      isHere && passed++ === at.kill ? Effect.andThen(Deferred.succeed(kill, undefined), Effect.yieldNow) : Effect.void
    )
  }
  let requests = 0
  const beside = Effect.suspend(() =>
    requests++ === at.change ? Effect.orDie(Effect.asVoid(org.control.mutate({ random }))) : Effect.void
  )
  const ended = yield* Effect.raceFirst(
    store.run({
      org,
      batchSize: chance.pick([1, 10, 500]),
      onRequest: Effect.andThen(beside, strike(!isByStep)),
      onStep: strike(isByStep)
    }),
    Effect.as(Deferred.await(kill), { said: "killed", news: 0 })
  )
  tally.runs++
  if (ended.said === "killed") tally.killed++
  else if (ended.said !== "") tally.failed++
  yield* requireAhead(play)
  return ended
})

const requireAhead = Effect.fnUntraced(function* (play: Play) {
  const { cursors } = yield* play.store.look(play.org)
  for (const [lane, before] of Object.entries(play.cursors)) {
    const now = cursors[lane] ?? null
    const isBack = before !== null && (now === null || (Check.compareCursors(before, now) ?? 0) > 0)
    assert.ok(!isBack, `the cursor of ${lane} went back from ${JSON.stringify(before)} to ${JSON.stringify(now)}`)
  }
  play.cursors = cursors
})

/** Runs without faults until nothing is new. */
const rest = Effect.fnUntraced(function* (play: Play) {
  const { org, store, tally } = play
  for (let runs = 0; ; runs++) {
    assert.ok(runs < runsMax, `there is still something new after ${runs} calm runs`)
    const { news, said } = yield* store.run({ org, batchSize: 500, onRequest: Effect.void, onStep: Effect.void })
    tally.runs++
    assert.equal(said, "", "a calm run failed")
    yield* requireAhead(play)
    if (news === 0 && runs > 0) return
  }
})

// -----------------------------------------------------------------------------
// judging
// -----------------------------------------------------------------------------

const judge = Effect.fnUntraced(function* ({ org, store }: Play) {
  const looked = yield* store.look(org)
  const { events, items, lanes, local, open, rows, upstream } = looked
  const final = { upstream: { account: upstream }, local: { account: local } }
  const report = yield* Check.fromHistory({ events, items, lanes, rows, final })
  assert.equal(Check.format(report), "")
  assert.equal(open, 0, "a run was never closed")
  return looked
})
