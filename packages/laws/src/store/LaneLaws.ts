/**
 * What the engine relies on in lanes: L01, L05, L32, W73.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as Lane from "@tidemark/core/model/Lane"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Lanes from "@tidemark/core/ports/Lanes"
import * as Brake from "@tidemark/core/rules/Brake"
import * as Law from "../Law.ts"
import * as Store from "../Store.ts"
import * as Made from "./Made.ts"

/** @category laws @since 0.1.0 */
export const laneLaws = <R>(store: Store.Store<R>): ReadonlyArray<Law.Law> => [
  Store.law(store, {
    id: "L32",
    claim: "a claim, a commit, a renewal and a release take effect if and only if the claim is the current one",
    runs: 150,
    arbitrary: fc.array(command, { maxLength: 12 }),
    holds: (commands) =>
      Effect.gen(function* () {
        const lane = Lane.live(yield* Store.subscription(store.name))
        const model: Model = { row: undefined }
        for (const command of commands) yield* obeys(model, lane, command)
      })
  }),
  Store.law(store, {
    id: "W73",
    claim: "of claims at once exactly one gets a free lane, and the others are told that it is busy",
    runs: 15,
    arbitrary: fc.record({ rivals: fc.integer({ min: 2, max: 4 }), isKnown: fc.boolean() }),
    holds: ({ isKnown, rivals }) =>
      Effect.gen(function* () {
        const subscription = yield* Store.subscription(store.name)
        const lanes = yield* Lanes.Lanes
        if (isKnown) yield* lanes.release(yield* Made.claim(subscription), undefined)
        const claims = Array.from({ length: rivals }, () => Made.claim(subscription, { mode: "IfFree" }))
        const answers = yield* Effect.all(claims.map(Effect.result), { concurrency: "unbounded" })
        const refusals = answers.flatMap((answer) => (Result.isFailure(answer) ? [answer.failure._tag] : []))
        yield* Law.same(
          "the others",
          refusals,
          Array.from({ length: rivals - 1 }, () => "Busy")
        )
      })
  }),
  Store.law(store, {
    id: "L12",
    claim: "a claim waits for a commit that is under way, and knows what became of it",
    runs: 6,
    arbitrary: fc.boolean(),
    holds: (isTakenBack) => waiting(store, isTakenBack)
  }),
  Store.law(store, {
    id: "L05",
    claim: "no operation on one lane changes another",
    runs: 20,
    arbitrary: fc.array(command, { maxLength: 8 }),
    holds: (commands) => apart(store, commands)
  })
]

// -----------------------------------------------------------------------------
// internal: a model of one lane
// -----------------------------------------------------------------------------

type Command =
  | {
      readonly _tag: "Claim"
      readonly mode: "IfFree" | "TakeOver" | "Own"
      readonly behind: number
      readonly account: string
      readonly isReleasing: boolean
      readonly isShort: boolean
    }
  | {
      readonly _tag: "Commit"
      readonly behind: number
      readonly step: number
      readonly seen: number
      readonly isShort: boolean
      readonly isTakenBack: boolean
    }
  | { readonly _tag: "Renew"; readonly behind: number; readonly isShort: boolean }
  | { readonly _tag: "Release"; readonly behind: number; readonly stopped: string | undefined }

interface Row {
  readonly epoch: number
  readonly account: string
  readonly isLeased: boolean
  readonly stopped: string | undefined
  readonly checkpoint: Lanes.Checkpoint
}

interface Model {
  row: Row | undefined
}

const behind = fc.constantFrom(0, 0, 0, 1)
const isShort = fc.constantFrom(false, false, true)

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Claim" as const),
      mode: fc.constantFrom("IfFree" as const, "TakeOver" as const, "Own" as const),
      behind,
      account: fc.constantFrom("one", "one", "one", "two"),
      isReleasing: fc.boolean(),
      isShort
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({
      _tag: fc.constant("Commit" as const),
      behind,
      step: fc.constantFrom(1, 1, 1, 0, 2),
      seen: fc.nat(5),
      isShort,
      isTakenBack: fc.constantFrom(false, false, true)
    })
  },
  fc.record({ _tag: fc.constant("Renew" as const), behind, isShort }),
  fc.record({ _tag: fc.constant("Release" as const), behind, stopped: fc.constantFrom(undefined, undefined, "why") })
)

/** Does one command with the lane and with the model, and compares. */
const obeys = Effect.fnUntraced(function* (model: Model, lane: Lane.Lane, command: Command) {
  const lanes = yield* Lanes.Lanes
  const expected = foreseen(model.row, command)
  const held = { lane, epoch: (model.row?.epoch ?? 0) - ("behind" in command ? command.behind : 0) }
  const actual = yield* Effect.result(perform(lane, held, model.row, command))
  const text = `${Law.show(command)} over ${Law.show(model.row)}`
  if (expected._tag === "Refused") {
    const tag = Result.isFailure(actual) ? actual.failure._tag : "a success"
    yield* Law.requires(expected.tags.has(tag), () => `${text} is answered with ${tag}, not ${[...expected.tags]}`)
  } else {
    yield* Law.requires(Result.isSuccess(actual), () => `${text} failed: ${Law.show(actual)}`)
    model.row = expected.row
    if (command._tag === "Claim" && Result.isSuccess(actual)) {
      yield* Law.same(`what ${text} answers`, actual.success, {
        epoch: expected.row?.epoch,
        checkpoint: expected.row?.checkpoint
      })
    }
  }
  if ("isShort" in command && command.isShort) {
    yield* Effect.sleep(10)
    if (expected._tag === "Done" && model.row !== undefined) model.row = { ...model.row, isLeased: false }
  }
  const peeked = yield* lanes.peek(lane)
  yield* Law.same(`what ${text} leaves`, standing(peeked), standing(model.row))
  const remaining = peeked?.remaining ?? 0
  const isLeased = model.row?.isLeased === true
  yield* Law.requires(
    isLeased ? remaining > 0 && remaining <= Duration.toMillis(Made.lease) : remaining === 0,
    () => `what ${text} leaves of the lease: ${remaining} ms`
  )
})

const standing = (row: Pick<Row, "epoch" | "stopped" | "checkpoint"> | undefined) =>
  row === undefined ? null : { epoch: row.epoch, stopped: row.stopped ?? null, checkpoint: row.checkpoint }

type Foreseen =
  | { readonly _tag: "Done"; readonly row: Row | undefined }
  | { readonly _tag: "Refused"; readonly tags: ReadonlySet<string> }

const foreseen = (row: Row | undefined, command: Command): Foreseen => {
  const isCurrent = command.behind === 0
  switch (command._tag) {
    case "Claim":
      return claimed(row, command)
    case "Commit":
      if (row === undefined || !isCurrent || command.step !== 1) return refused("Fenced")
      if (command.isTakenBack) return refused("TakenBack")
      return { _tag: "Done", row: { ...row, isLeased: true, checkpoint: checkpointOf(row, command) } }
    case "Renew":
      if (row === undefined || !isCurrent) return refused("Fenced")
      return { _tag: "Done", row: { ...row, isLeased: true } }
    case "Release":
      if (row === undefined || !isCurrent) return { _tag: "Done", row }
      return { _tag: "Done", row: { ...row, isLeased: false, stopped: command.stopped ?? row.stopped } }
  }
}

const claimed = (row: Row | undefined, command: Extract<Command, { readonly _tag: "Claim" }>): Foreseen => {
  const { account, isReleasing, mode } = command
  if (mode === "Own" && (row === undefined || command.behind > 0)) return refused("Fenced")
  if (row === undefined) {
    const checkpoint = { cursor: undefined, batchNo: 0, mappingEpoch: 0, brake: Brake.released }
    return { _tag: "Done", row: { epoch: 1, account, isLeased: true, stopped: undefined, checkpoint } }
  }
  const tags = [
    ...(mode === "IfFree" && row.isLeased ? ["Busy"] : []),
    ...(row.account === account ? [] : ["AccountMismatch"]),
    ...(row.stopped === undefined || isReleasing ? [] : ["Stopped"])
  ]
  if (tags.length > 0) return refused(...tags)
  const brake = row.stopped === undefined ? row.checkpoint.brake : Brake.released
  const checkpoint = { ...row.checkpoint, brake }
  return { _tag: "Done", row: { ...row, epoch: row.epoch + 1, isLeased: true, stopped: undefined, checkpoint } }
}

const refused = (...tags: ReadonlyArray<string>): Foreseen => ({ _tag: "Refused", tags: new Set(tags) })

const checkpointOf = (
  row: Row | undefined,
  { seen, step }: Extract<Command, { readonly _tag: "Commit" }>
): Lanes.Checkpoint => ({
  cursor: seen === 0 ? row?.checkpoint.cursor : { codecVersion: 1 + seen, value: { at: seen } },
  batchNo: (row?.checkpoint.batchNo ?? 0) + step,
  mappingEpoch: seen,
  brake: { seen, refused: seen > 2 ? [seen] : [], inARow: seen > 2 ? 1 : 0 }
})

const perform = Effect.fnUntraced(function* (
  lane: Lane.Lane,
  held: Pick<Lanes.Claim, "lane" | "epoch">,
  row: Row | undefined,
  command: Command
) {
  const lanes = yield* Lanes.Lanes
  const lease = "isShort" in command && command.isShort ? Duration.millis(1) : Made.lease
  const claim = { ...held, checkpoint: row?.checkpoint ?? checkpointOf(undefined, noCommit) }
  switch (command._tag) {
    case "Claim": {
      const { account, isReleasing } = command
      const mode = command.mode === "Own" ? { own: held.epoch } : command.mode
      const { checkpoint, epoch } = yield* Made.claim(lane.subscription, { lane, account, isReleasing, mode, lease })
      return { epoch, checkpoint }
    }
    case "Commit":
      return yield* Made.transact(
        lane.subscription,
        Effect.andThen(
          lanes.commit({ claim: held, checkpoint: checkpointOf(row, command), lease }),
          command.isTakenBack ? Effect.fail({ _tag: "TakenBack" as const }) : Effect.void
        )
      )
    case "Renew":
      return yield* lanes.renew(claim, lease)
    case "Release":
      return yield* lanes.release(claim, command.stopped)
  }
})

const noCommit = { _tag: "Commit", behind: 0, step: 0, seen: 0, isShort: false, isTakenBack: false } as const

// -----------------------------------------------------------------------------
// internal: two of them
// -----------------------------------------------------------------------------

/** Commands to one lane, with others beside it. */
const apart = Effect.fnUntraced(function* <R>(store: Store.Store<R>, commands: ReadonlyArray<Command>) {
  const subscription = yield* Store.subscription(store.name)
  const lanes = yield* Lanes.Lanes
  const { connection, entity, id, tenant } = subscription
  const foreign = Subscription.make({ id, tenant: `${tenant}-other`, connection, entity })
  const others = [
    Lane.make(subscription, "backfill"),
    Lane.make(subscription, "live", "part"),
    Lane.live(Subscription.make({ id: `${id}-other`, tenant, connection, entity })),
    Lane.live(foreign)
  ]
  for (const lane of others) {
    const claim = yield* Made.claim(lane.subscription, { lane })
    yield* Made.transact(lane.subscription, Made.commit(claim, 1))
  }
  // What is left of a lease passes by itself.
  const peeks = Effect.forEach(others, (lane) =>
    Effect.map(lanes.peek(lane), (standing) => ({ ...standing, remaining: (standing?.remaining ?? 0) > 0 }))
  )
  const before = yield* peeks
  const model: Model = { row: undefined }
  for (const command of commands) yield* obeys(model, Lane.live(subscription), command)
  yield* Law.same("the other lanes", yield* peeks, before)
  for (const lane of others) {
    const busy = yield* Effect.flip(Made.claim(lane.subscription, { lane, mode: "IfFree" }))
    yield* Law.same("a claim of another lane", busy._tag, "Busy")
  }
})

const waiting = Effect.fnUntraced(function* <R>(store: Store.Store<R>, isTakenBack: boolean) {
  const subscription = yield* Store.subscription(store.name)
  const held = yield* Made.claim(subscription)
  const isFenced = Deferred.makeUnsafe<void>()
  const isOver = Deferred.makeUnsafe<void>()
  const committing = yield* Effect.forkChild(
    Made.transact(
      subscription,
      Effect.gen(function* () {
        yield* Made.commit(held, 1)
        yield* Deferred.succeed(isFenced, undefined)
        yield* Deferred.await(isOver)
        if (isTakenBack) return yield* Effect.fail({ _tag: "TakenBack" as const })
      })
    ).pipe(Effect.catchTag("TakenBack", () => Effect.void))
  )
  yield* Deferred.await(isFenced)
  const claiming = yield* Effect.forkChild(Made.claim(subscription, { mode: { own: held.epoch } }))
  yield* Store.pause(store)
  yield* Law.requires(claiming.pollUnsafe() === undefined, () => "a claim did not wait for the commit")
  yield* Deferred.succeed(isOver, undefined)
  yield* Fiber.join(committing)
  const { checkpoint } = yield* Fiber.join(claiming)
  yield* Law.same("batches that the claim knows of", checkpoint.batchNo, isTakenBack ? 0 : 1)
})
