/**
 * The control plane: programs set the clock, change records, plan faults and look
 * at the truth. JSON over HTTP below `/__`, without a token, or called directly.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as App from "./App.ts"
import * as Faults from "./Faults.ts"
import type * as Field from "./Field.ts"
import * as Instant from "./Instant.ts"
import * as Locators from "./Locators.ts"
import * as Merge from "./Merge.ts"
import * as Message from "./Message.ts"
import * as Mix from "./Mix.ts"
import * as Org from "./Org.ts"
import * as Refusal from "./Refusal.ts"
import * as Sessions from "./Sessions.ts"
import * as Shape from "./Shape.ts"
import * as Usage from "./Usage.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// schemas
// -----------------------------------------------------------------------------

/** Most changes of one request. @category constants @since 0.1.0 */
export const changesMax = 100_000

const Ms = Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThanOrEqualTo(400 * Instant.day))
const Weight = Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))
const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThanOrEqualTo(changesMax))

/** How far the clock goes, in ms, or where to, as an instant with its offset. @category schemas @since 0.1.0 */
export const ClockRequest = Schema.Union([Schema.Struct({ advance: Ms }), Schema.Struct({ set: Schema.String })])

/** See `World.Operation`. @category schemas @since 0.1.0 */
export const Operation = Schema.Struct({
  op: Schema.Literals(["create", "update", "delete", "purge", "undelete"]),
  entity: Schema.String,
  id: Schema.optionalKey(Schema.String),
  fields: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  lateMs: Schema.optionalKey(Ms),
  by: Schema.optionalKey(Schema.String)
})

/** See `Merge.Merge`. @category schemas @since 0.1.0 */
export const Merging = Schema.Struct({
  op: Schema.Literal("merge"),
  entity: Schema.String,
  id: Schema.String,
  losers: Schema.Array(Schema.String).check(Schema.isMaxLength(Merge.losersMax)),
  fields: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  lateMs: Schema.optionalKey(Ms),
  by: Schema.optionalKey(Schema.String)
})

/** See `Mix.Mix`. @category schemas @since 0.1.0 */
export const Random = Schema.Struct({
  count: Count,
  seed: Schema.Finite,
  entity: Schema.optionalKey(Schema.String),
  lateMaxMs: Schema.optionalKey(Ms),
  by: Schema.optionalKey(Schema.String),
  create: Weight,
  update: Weight,
  delete: Weight,
  purge: Weight,
  undelete: Weight
})

/** Everything it names is done, in this order. @category schemas @since 0.1.0 */
export const MutateRequest = Schema.Struct({
  schema: Schema.optionalKey(Schema.Array(Shape.Change).check(Schema.isMaxLength(Shape.fieldsMax))),
  ops: Schema.optionalKey(Schema.Array(Schema.Union([Operation, Merging])).check(Schema.isMaxLength(changesMax))),
  random: Schema.optionalKey(Random),
  expireToken: Schema.optionalKey(Schema.Boolean),
  expireRefreshToken: Schema.optionalKey(Schema.Boolean),
  expireLocators: Schema.optionalKey(Schema.Boolean),
  /** How many calls other programs make now. */
  calls: Schema.optionalKey(Count),
  /** Calls a day from now on, enforced. */
  dailyLimit: Schema.optionalKey(Count)
})
/** @category models @since 0.1.0 */
export type MutateRequest = typeof MutateRequest.Type

/** See `Faults.Plan`. @category schemas @since 0.1.0 */
export const FaultRequest = Schema.Struct({
  match: Schema.String,
  nth: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))),
  every: Schema.optionalKey(Count.check(Schema.isGreaterThanOrEqualTo(1))),
  times: Schema.optionalKey(Count),
  kind: Schema.Literals(Faults.kinds),
  retryAfter: Schema.optionalKey(Schema.Union([Count, Schema.String.check(Schema.isPattern(/^[\x20-\x7e]{0,100}$/))]))
})

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** One change as made. Instants are canonical. @category models @since 0.1.0 */
export interface Changed {
  readonly id: string
  /** `SystemModstamp`. */
  readonly version: string
  /** When readers see it. */
  readonly visibleAt: string
}

/** @category models @since 0.1.0 */
export interface State {
  readonly now: string
  readonly entities: { readonly [entity: string]: { readonly [id: string]: Field.Values } }
  /** How often each kind of fault was met; those never met are absent. */
  readonly faults: { readonly [kind: string]: number }
}

type Answered<A> = Result.Result<A, Refusal.Refusal>

// -----------------------------------------------------------------------------
// combinators
// -----------------------------------------------------------------------------

/** @category combinators @since 0.1.0 */
export const now = (org: Org.Org): string => Instant.toCanonical(org.world.now)

/** Refuses to go back. @category combinators @since 0.1.0 */
export const clock = (org: Org.Org, request: typeof ClockRequest.Type): Answered<string> => {
  const to = "set" in request ? Instant.parse(request.set) : org.world.now + request.advance
  if (to === undefined) return invalid("set", "is no instant such as 2026-05-01T08:00:00Z")
  if (to < org.world.now) return invalid("set", `is in the past: it is ${now(org)}`)
  org.clock.forward(to - org.world.now)
  Org.tick(org)
  return Result.succeed(now(org))
}

/**
 * Stops at the first change that is refused; those before it are made.
 *
 * @category combinators
 * @since 0.1.0
 */
export const mutate = (org: Org.Org, request: MutateRequest): Answered<ReadonlyArray<Changed>> =>
  Result.gen(function* () {
    const applied: Array<World.Applied> = []
    for (const [index, change] of (request.schema ?? []).entries()) {
      const made = Shape.apply(org, change)
      applied.push(...(yield* Result.mapError(made, (refusal) => at(`schema[${index}]`, refusal))))
    }
    for (const [index, operation] of (request.ops ?? []).entries()) {
      const made =
        operation.op === "merge"
          ? Merge.apply(org, operation)
          : Result.map(Org.mutate(org, operation), (applied) => [applied])
      applied.push(...(yield* Result.mapError(made, (refusal) => at(`ops[${index}]`, refusal))))
    }
    if (request.random !== undefined) {
      const made = Mix.apply(org, request.random)
      for (const each of yield* Result.mapError(made, (refusal) => at("random", refusal))) applied.push(each)
    }
    if (request.expireToken === true) Sessions.expire(org.sessions)
    if (request.expireRefreshToken === true) Sessions.revoke(org.sessions)
    if (request.expireLocators === true) Locators.expire(org.locators)
    if (request.calls !== undefined) Usage.add(org.usage, org.world.now, request.calls)
    if (request.dailyLimit !== undefined) {
      org.usage.limit = request.dailyLimit
      org.usage.isEnforced = true
    }
    return applied.map(({ id, version }) => ({
      id,
      version: Instant.toCanonical(version.stamp),
      visibleAt: Instant.toCanonical(version.visibleAt)
    }))
  })

/** What readers can see now, deleted records left out. @category combinators @since 0.1.0 */
export const state = (org: Org.Org): State => ({
  now: now(org),
  entities: World.state(org.world),
  faults: Faults.counts(org.faults)
})

/** How many requests there were, by path without Ids. @category combinators @since 0.1.0 */
export const counts = (org: Org.Org): { readonly [path: string]: number } => Object.fromEntries(org.counts)

// -----------------------------------------------------------------------------
// handling
// -----------------------------------------------------------------------------

/** Answers a request below `/__`. @category handling @since 0.1.0 */
export const handle = (org: Org.Org, request: Message.Request): Message.Answered => {
  const { method, path, query } = request
  switch (`${method} /${path.join("/")}`) {
    case "GET /__clock":
      return Message.ok({ now: now(org) })
    case "POST /__clock":
      return posted(request, ClockRequest, (body) => Result.map(clock(org, body), (now) => ({ now })))
    case "POST /__mutate":
      return posted(request, MutateRequest, (body) =>
        Result.map(mutate(org, body), (results) => ({ now: now(org), results }))
      )
    case "GET /__fault":
      return Message.ok(faults(org))
    case "POST /__fault":
      return posted(request, FaultRequest, (plan) => {
        Faults.add(org.faults, plan)
        return Result.succeed(faults(org))
      })
    case "DELETE /__fault":
      Faults.clear(org.faults)
      return Message.ok(faults(org))
    case "GET /__state":
      return Message.ok({ ...state(org), ...(query.get("requests") === "1" ? { requests: counts(org) } : {}) })
    case "GET /__app":
      return Message.ok(App.credentials(org.app, org.sessions))
    case "GET /__requests":
      return Message.ok({ requests: Org.logged(org) })
    default:
      return Result.fail(Refusal.notFound)
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const faults = (org: Org.Org) => ({
  faults: org.faults.planned.map(({ fired, plan, seen }) => ({ ...plan, seen, fired }))
})

const posted = <A>(
  request: Message.Request,
  schema: Schema.Codec<A, unknown>,
  answer: (body: A) => Answered<object>
): Message.Answered => {
  const body = Schema.decodeUnknownResult(Schema.fromJsonString(schema))(request.body)
  if (Result.isSuccess(body)) return Result.map(answer(body.success), (value) => Message.json(200, value))
  return Refusal.fail(400, "INVALID_REQUEST", String(body.failure.message).slice(0, 1000))
}

const invalid = (name: string, problem: string) => Refusal.fail(400, "INVALID_REQUEST", `"${name}" ${problem}.`)

const at = (place: string, refusal: Refusal.Refusal): Refusal.Refusal => ({
  ...refusal,
  message: `${place}: ${refusal.message}`
})
