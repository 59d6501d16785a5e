/**
 * A Salesforce org on this machine, with the quirks of the real one.
 *
 * A real HTTP server: official clients can call it. Its records, Ids, stamps,
 * pages, orders and tokens follow from a seed, and its clock goes on only when it
 * is told to, so a run can be repeated byte for byte.
 *
 * **Guarantees**
 *
 * - the same options and the same requests give the same answers, but for the
 *   port, which `instance_url` and identity addresses name, and the private key
 *   of an app that was given none;
 * - nothing but its clock and the calls it gets changes its records.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as App from "./App.ts"
import * as Control from "./Control.ts"
import * as Faults from "./Faults.ts"
import * as Instant from "./Instant.ts"
import * as Journal from "./Journal.ts"
import * as Locators from "./Locators.ts"
import * as Odd from "./Odd.ts"
import * as Org from "./Org.ts"
import type * as Refusal from "./Refusal.ts"
import * as Server from "./Server.ts"
import * as Sessions from "./Sessions.ts"
import * as SimulatorError from "./SimulatorError.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Options {
  readonly seed: number
  /** How many accounts there are at the start. */
  readonly accounts: number
  /** Defaults to 0. */
  readonly contacts?: number
  /** Defaults to 0. */
  readonly opportunities?: number
  /** What the clock shows first, as an instant with its offset. Defaults to `2026-05-01T08:00:00Z`. */
  readonly start?: string
  /** How far back stamps reach from the start, in ms. Defaults to 30 days. */
  readonly spreadMs?: number
  /** Port on 127.0.0.1. Defaults to 0, any free one. */
  readonly port?: number
  /** A directory to append `upstream.jsonl` and `visible.jsonl` to. Absent: no history. */
  readonly history?: string
  /** Pages are often shorter than asked for. Defaults to `false`. */
  readonly shortPages?: boolean
  /** Most rows of a page, at least 1, whatever is asked: servers may send fewer. Absent: as many as asked for. */
  readonly pageMax?: number
  /** The clock goes on by itself, as fast as time does. Defaults to `false`. */
  readonly realtime?: boolean
  /** How many accounts share one stamp, beyond the usual ties. Defaults to 0. */
  readonly tie?: number
  /** Makes the org's Id and those of its records. Defaults to `seed`. */
  readonly org?: number
  /** There are objects without stamps, feeds or queries, and a very wide one, see `Odd`. Defaults to `false`. */
  readonly oddObjects?: boolean
  /** Refresh tokens are good for one use. Defaults to `false`. */
  readonly rotation?: boolean
  /** Replication feeds read `12:30:15` as `12:30:00`, as the guide says they do. Defaults to `false`. */
  readonly ignoresSeconds?: boolean
  /** Calls in 24 hours, refused beyond. Absent: 5,000,000 are told and none is refused. */
  readonly dailyLimit?: number
  /** How long sessions live, in ms. Absent: until they are made to end. */
  readonly sessionMs?: number
  /** How long addresses of pages live, in ms. Defaults to two days. */
  readonly locatorMs?: number
  /** The claim `iss` of assertions. Defaults to `App.clientId`. */
  readonly clientId?: string
  /** The user, and the claim `sub` of assertions. Defaults to `App.username`. */
  readonly username?: string
  /** Of the key that signs assertions, SPKI in PEM. Absent: a pair is made for who asks. */
  readonly publicKey?: string
  /** Faults met again and again from the start, see `Faults.standing`. */
  readonly faults?: ReadonlyArray<Faults.Kind>
}

type Controlled<A> = Effect.Effect<A, SimulatorError.SimulatorError>

/** What programs do with the org, beside asking it. Fails with `Refused`. @category models @since 0.1.0 */
export interface Controls {
  /** The simulated time. */
  readonly now: Effect.Effect<string>
  /** Lets so many ms pass; gives the time then. */
  readonly advance: (ms: number) => Controlled<string>
  /** Goes forward to an instant with its offset. */
  readonly set: (at: string) => Controlled<string>
  /** Makes changes, and lets tokens and locators expire. */
  readonly mutate: (request: Control.MutateRequest) => Controlled<ReadonlyArray<Control.Changed>>
  /** What readers can see now, deleted records left out. */
  readonly state: Effect.Effect<Control.State>
  readonly fault: (plan: Faults.Plan) => Effect.Effect<void>
  /** Plans no fault any more. What was met stays counted in the state. */
  readonly calm: Effect.Effect<void>
  /** What a client needs to log in. */
  readonly app: Effect.Effect<App.Credentials>
  /** The faults planned, and how often each was met. */
  readonly faults: Effect.Effect<ReadonlyArray<Readonly<Faults.Fault>>>
  /** The newest requests, oldest first. */
  readonly requests: Effect.Effect<ReadonlyArray<Org.Logged>>
  /** How many requests there were, by path without Ids. */
  readonly counts: Effect.Effect<{ readonly [path: string]: number }>
}

/** @category models @since 0.1.0 */
export interface Simulator {
  /** `http://127.0.0.1:PORT`, without a slash at its end. */
  readonly url: string
  /** The access token that is good from the start until it is made to expire. */
  readonly token: string
  /** The refresh token that is good from the start, with `rotation` until its first use. */
  readonly refreshToken: string
  readonly apiVersion: string
  /** 18 characters. */
  readonly orgId: string
  readonly control: Controls
}

/** A simulator that somebody else ends. @category models @since 0.1.0 */
export interface Served extends Simulator {
  /** Frees the port and closes the history. Open connections are cut. */
  readonly close: Effect.Effect<void>
}

// -----------------------------------------------------------------------------
// constructors
// -----------------------------------------------------------------------------

/**
 * Starts a simulator that ends with the scope. Fails with `Options`, `Listen` or
 * `History`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Simulator, SimulatorError.SimulatorError, Scope.Scope> {
  const settings = yield* Effect.fromResult(check(options))
  const journal = options.history === undefined ? Journal.none : yield* Journal.open(options.history)
  const clock = options.realtime === true ? realtime(settings.start) : still(settings.start)
  const org = Org.make(settings, clock, yield* App.make(options))
  if (options.history !== undefined) yield* Effect.sync(() => journal.write(World.population(org.world)))
  yield* Effect.addFinalizer(() => Effect.sync(() => run(org, journal, () => undefined)))
  const url = yield* Server.listen(org, journal, settings.port)
  return {
    url,
    token: Sessions.current(org.sessions) ?? "",
    refreshToken: org.sessions.refreshToken ?? "",
    apiVersion: Org.apiVersion,
    orgId: org.world.orgId,
    control: controls(org, journal)
  }
})

/**
 * Starts a simulator that goes on until it is closed, for programs that have no
 * scope of their own. Prints nothing. Fails as `make` does.
 *
 * @category constructors
 * @since 0.1.0
 */
export const serve = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Served, SimulatorError.SimulatorError> {
  const scope = yield* Scope.make()
  const close = Scope.close(scope, Exit.void)
  const simulator = yield* make(options).pipe(
    Scope.provide(scope),
    Effect.tapCause(() => close)
  )
  return { ...simulator, close }
})

// -----------------------------------------------------------------------------
// internal: options
// -----------------------------------------------------------------------------

interface Settings extends Org.Options {
  readonly port: number
}

/** Most records of an object at the start. */
const recordsMax = 1_000_000

const check = (options: Options): Result.Result<Settings, SimulatorError.SimulatorError> =>
  Result.gen(function* () {
    const {
      org = options.seed,
      port = 0,
      spreadMs = 30 * Instant.day,
      start = "2026-05-01T08:00:00Z",
      tie = 0
    } = options
    const odd = options.oddObjects === true ? Odd.entities : []
    const startsAt = Instant.parse(start)
    if (startsAt === undefined) {
      return yield* refuse("Options", `The option start is "${start}": give an instant such as 2026-05-01T08:00:00Z.`)
    }
    const accounts = yield* wholeIn("accounts", options.accounts, recordsMax)
    return {
      seed: yield* wholeIn("seed", options.seed, Number.MAX_SAFE_INTEGER),
      org: yield* wholeIn("org", org, Number.MAX_SAFE_INTEGER),
      port: yield* wholeIn("port", port, 65_535),
      spreadMs: yield* wholeIn("spreadMs", spreadMs, 3650 * Instant.day),
      tie: Math.min(accounts, yield* wholeIn("tie", tie, recordsMax)),
      objects: odd.map(([entity]) => entity),
      counts: {
        ...Object.fromEntries(odd.map(([{ name }, records]) => [name, records])),
        Account: accounts,
        Contact: yield* wholeIn("contacts", options.contacts ?? 0, recordsMax),
        Opportunity: yield* wholeIn("opportunities", options.opportunities ?? 0, recordsMax)
      },
      start: startsAt,
      shortPages: options.shortPages === true,
      pageMax: yield* wholeIn("pageMax", options.pageMax ?? Locators.batchMax, Locators.batchMax, 1),
      rotation: options.rotation === true,
      ignoresSeconds: options.ignoresSeconds === true,
      faults: yield* known(options.faults ?? []),
      ...(yield* limits(options))
    }
  })

/** Options without which there is no limit. */
const limits = (options: Options): Result.Result<Partial<Org.Options>, SimulatorError.SimulatorError> =>
  Result.gen(function* () {
    const chosen: { -readonly [name in "dailyLimit" | "sessionMs" | "locatorMs"]?: number } = {}
    for (const name of ["dailyLimit", "sessionMs", "locatorMs"] as const) {
      const value = options[name]
      if (value === undefined) continue
      chosen[name] = yield* wholeIn(name, value, Number.MAX_SAFE_INTEGER)
    }
    return chosen
  })

const known = (names: ReadonlyArray<Faults.Kind>) => {
  const unknown = names.find((name) => !Faults.kinds.includes(name))
  return unknown === undefined
    ? Result.succeed(names)
    : refuse("Options", `The option faults names ${unknown}: give names of ${Faults.kinds.join(", ")}.`)
}

const wholeIn = (name: keyof Options, value: number, max: number, min = 0) =>
  Number.isSafeInteger(value) && value >= min && value <= max
    ? Result.succeed(value)
    : refuse("Options", `The option ${name} is ${value}: give a whole number from ${min} to ${max}.`)

const refuse = (reason: "Options" | "Refused", message: string) =>
  Result.fail(new SimulatorError.SimulatorError({ reason, message }))

// -----------------------------------------------------------------------------
// internal: clocks
// -----------------------------------------------------------------------------

const still = (start: number): Org.Clock => {
  let at = start
  return {
    now: () => at,
    forward: (ms) => {
      at += ms
    }
  }
}

// Not the clock on the wall, which may be set back.
const realtime = (start: number): Org.Clock => {
  let offset = start - performance.now()
  return {
    now: () => offset + performance.now(),
    forward: (ms) => {
      offset += ms
    }
  }
}

// -----------------------------------------------------------------------------
// internal: control
// -----------------------------------------------------------------------------

// As a request is handled: the clock first, the history last.
const run = <A>(org: Org.Org, journal: Journal.Journal, use: () => A): A => {
  Org.tick(org)
  const result = use()
  journal.write(Org.drain(org))
  return result
}

const controls = (org: Org.Org, journal: Journal.Journal): Controls => {
  const look = <A>(use: () => A) => Effect.sync(() => run(org, journal, use))
  const ask = <A>(use: () => Result.Result<A, Refusal.Refusal>): Controlled<A> =>
    Effect.suspend(() =>
      Effect.fromResult(
        Result.mapError(
          run(org, journal, use),
          ({ errorCode, message }) =>
            new SimulatorError.SimulatorError({ reason: "Refused", message: `${errorCode}: ${message}` })
        )
      )
    )
  return {
    now: look(() => Control.now(org)),
    advance: (ms) => ask(() => Control.clock(org, { advance: ms })),
    set: (at) => ask(() => Control.clock(org, { set: at })),
    mutate: (request) => ask(() => Control.mutate(org, request)),
    state: look(() => Control.state(org)),
    fault: (plan) => Effect.sync(() => Faults.add(org.faults, plan)),
    calm: Effect.sync(() => Faults.clear(org.faults)),
    app: Effect.map(
      Effect.promise(() => App.prepare(org.app)),
      (app) => App.credentials(app, org.sessions)
    ),
    faults: Effect.sync(() => org.faults.planned.map((fault) => ({ ...fault }))),
    requests: Effect.sync(() => Org.logged(org)),
    counts: Effect.sync(() => Control.counts(org))
  }
}
