// Goal: whatever is appended, claimed, settled, redriven and changed in whatever order, the store answers as a few lines
// of plain code do.
// Method: fast-check commands by three processes against that code; leases and delays are of no length or of an hour, so
// that time decides nothing. Guarantees: L25, L27, L29, L30, L32, L34, L50.
import { it } from "@effect/vitest"
import type * as PgClient from "@effect/sql-pg/PgClient"
import * as Consumers from "@tidemark/core/ports/Consumers"
import * as DeadLetters from "@tidemark/core/ports/DeadLetters"
import * as Deliveries from "@tidemark/core/ports/Deliveries"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Owed from "./support/Owed.ts"
import * as Stage from "./support/Stage.ts"

// -----------------------------------------------------------------------------
// model
// -----------------------------------------------------------------------------

interface Item {
  readonly consumer: string
  readonly id: string
  readonly key: string
  /** Place of its event: rises with every append. */
  readonly order: number
  state: "Ready" | "Held" | "Expired" | "Delayed" | "Dead" | "Done"
  epoch: number
  attempts: number
  hasFailed: boolean
  isLate: boolean
  /** Of dead letters, in the order in which they died. */
  died: number
}

interface Model {
  readonly events: Array<{ readonly id: string; readonly key: string; readonly type: string }>
  readonly consumers: Map<string, { status: Consumers.Status; readonly type: string }>
  readonly items: Array<Item>
  deaths: number
}

const waits = ({ state }: Item): boolean => state !== "Dead" && state !== "Done"

const isHead = (model: Model, item: Item): boolean =>
  item.isLate ||
  !model.items.some(
    (other) =>
      waits(other) &&
      !other.isLate &&
      other.consumer === item.consumer &&
      other.key === item.key &&
      other.order < item.order
  )

const unmet = { state: "Ready", attempts: 0, hasFailed: false } as const

const owe = (model: Model, consumer: string, order: number): void => {
  const { id, key } = model.events[order]!
  model.items.push({ consumer, id, key, order, ...unmet, epoch: 0, isLate: false, died: 0 })
}

const claimable = (model: Model, hosted: ReadonlyArray<string>): ReadonlyArray<Item> =>
  model.items.filter(
    (item) =>
      hosted.includes(item.consumer) &&
      model.consumers.get(item.consumer)?.status === "Active" &&
      (item.state === "Ready" || item.state === "Expired") &&
      isHead(model, item)
  )

const find = (model: Model, { consumer, event }: Deliveries.Delivery): Item =>
  model.items.find((item) => item.consumer === consumer && item.id === event.id)!

// -----------------------------------------------------------------------------
// commands
// -----------------------------------------------------------------------------

type Process = ReturnType<typeof Stage.ports>

interface Real {
  readonly processes: ReadonlyArray<Process>
  readonly owner: PgClient.PgClient
  /** What was handed out, also what was settled or taken over since. */
  readonly held: Array<Deliveries.Delivery>
}

interface Command {
  readonly name: string
  readonly run: (model: Model, real: Real) => Effect.Effect<void, unknown>
}

const consumerNames = ["billing", "search"] as const
const types = ["made", "kept"] as const
const tenants = ["acme", "other"] as const
const process = fc.nat({ max: 2 })

const append = fc
  .tuple(
    fc.constantFrom(...tenants),
    fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.constantFrom(...types)), { minLength: 1, maxLength: 4 }),
    process
  )
  .map(([tenant, facts, by]): Command => ({
    name: `append ${tenant} ${facts.join(" ")}`,
    run: (model, { processes }) => {
      const made = facts.map(([key, type], place): Owed.Fact => ({
        tenant,
        key,
        type,
        revision: model.events.length + place + 1
      }))
      // As they are appended: by key, then revision.
      const sorted = made.toSorted((a, b) => (a.key === b.key ? a.revision - b.revision : a.key < b.key ? -1 : 1))
      for (const fact of sorted) {
        const { id } = Owed.eventOf(fact)
        const order = model.events.push({ id, key: `${tenant}/${fact.key}`, type: fact.type! }) - 1
        for (const [name, { status, type }] of model.consumers) {
          if (status !== "Retired" && status !== "Registering" && type === fact.type) owe(model, name, order)
        }
      }
      return processes[by]!(Owed.append(...(made as unknown as readonly [Owed.Fact])))
    }
  }))

const consume = fc
  .tuple(fc.constantFrom(...consumerNames), fc.constantFrom(...types), process)
  .map(([name, type, by]): Command => ({
    name: `consume ${name} ${type}`,
    run: (model, { processes }) => {
      if (model.consumers.has(name)) return Effect.void
      model.consumers.set(name, { status: "Active", type })
      for (const [order, event] of model.events.entries()) if (event.type === type) owe(model, name, order)
      return processes[by]!(Owed.consumer(name, { types: [type] }))
    }
  }))

const change = fc
  .tuple(
    fc.constantFrom(...consumerNames),
    fc.constantFrom("Pause", "Pause", "Resume", "Resume", "Resume", "Retire"),
    process
  )
  .map(([name, _tag, by]): Command => ({
    name: `${_tag} ${name}`,
    run: (model, { processes }) => {
      const consumer = model.consumers.get(name)
      if (consumer === undefined || consumer.status === "Retired") return Effect.void
      consumer.status = _tag === "Pause" ? "Paused" : _tag === "Resume" ? "Active" : "Retired"
      if (_tag === "Retire") {
        for (const item of model.items) if (item.consumer === name && waits(item)) item.state = "Done"
      }
      return processes[by]!(
        Effect.flatMap(Consumers.Consumers, (consumers) => consumers.change(name, { _tag } as Consumers.Change, "ann"))
      )
    }
  }))

const claim = fc
  .tuple(fc.subarray([...consumerNames], { minLength: 1 }), fc.constantFrom(1, 2, 500), fc.boolean(), process)
  .map(([names, limit, isShort, by]): Command => ({
    name: `claim ${names.join(" ")} ${limit} ${isShort ? "for nothing" : "for an hour"}`,
    run: (model, { held, processes }) =>
      Effect.gen(function* () {
        const hosted = names.map((name) => Owed.hosted(name, { made: 1, kept: 1 })) as never
        const lease = isShort ? Duration.zero : Owed.hour
        const expected = claimable(model, names)
        const answer = yield* processes[by]!(Owed.claim({ hosted, limit, lease }))
        assert.equal(answer.length, Math.min(limit, expected.length))
        for (const delivery of answer) {
          const item = find(model, delivery)
          assert.ok(expected.includes(item), `${delivery.consumer} was handed ${item.id}, which it must not have`)
          item.epoch += 1
          item.attempts += 1
          item.state = isShort ? "Expired" : "Held"
          assert.deepEqual(
            [delivery.epoch, delivery.attempt, delivery.isLate],
            [item.epoch, item.attempts, item.isLate]
          )
        }
        assert.equal(new Set(answer.map((one) => find(model, one))).size, answer.length)
        held.push(...answer)
      })
  }))

const isCurrent = (item: Item, { epoch }: Deliveries.Held): boolean =>
  item.epoch === epoch && (item.state === "Held" || item.state === "Expired")

const verdicts: fc.Arbitrary<Deliveries.Verdict> = fc.constantFrom<Deliveries.Verdict>(
  { _tag: "Ack" },
  { _tag: "Ack" },
  { _tag: "Release" },
  { _tag: "DeadLetter", error: "no" },
  { _tag: "DeadLetter", error: "no" },
  Owed.retry(Duration.zero),
  Owed.retry(Owed.hour)
)

const apply = (model: Model, item: Item, verdict: Deliveries.Verdict): void => {
  switch (verdict._tag) {
    case "Ack":
      item.state = "Done"
      break
    case "DeadLetter":
      item.state = "Dead"
      item.died = model.deaths += 1
      break
    case "Release":
      item.attempts -= 1
      item.state = "Ready"
      break
    case "Retry":
      item.hasFailed = true
      item.state = Duration.toMillis(verdict.after) === 0 ? "Ready" : "Delayed"
  }
}

const settle = fc
  .tuple(fc.array(fc.tuple(fc.nat(), verdicts), { minLength: 1, maxLength: 5 }), process)
  .map(([choices, by]): Command => ({
    name: `settle ${choices.map(([at, { _tag }]) => `${at} ${_tag}`).join(", ")}`,
    run: (model, { held, processes }) =>
      Effect.gen(function* () {
        if (held.length === 0) return
        const chosen = new Map(
          choices.map(([at, verdict]) => [held[held.length - 1 - (at % Math.min(held.length, 12))]!, verdict])
        )
        // One settlement per delivery: which of two in one call wins is nobody's business.
        const single = new Map([...chosen].map(([one, verdict]) => [find(model, one), { held: one, verdict }] as const))
        const accepted = yield* processes[by]!(
          Effect.flatMap(Deliveries.Deliveries, (deliveries) =>
            deliveries.settle([...single.values()] as unknown as readonly [Deliveries.Settlement])
          )
        )
        const expected = [...single].filter(([item, { held: one }]) => isCurrent(item, one))
        assert.deepEqual(new Set(accepted), new Set(expected.map(([, { held: one }]) => one)))
        // Dead letters are listed by when they died; of one call, in the order of claims.
        const inOrder = expected.toSorted(([, { held: a }], [, { held: b }]) =>
          a.consumer !== b.consumer
            ? a.consumer < b.consumer
              ? -1
              : 1
            : a.tenant !== b.tenant
              ? a.tenant < b.tenant
                ? -1
                : 1
              : a.position - b.position
        )
        for (const [item, { verdict }] of inOrder) apply(model, item, verdict)
      })
  }))

const pick = fc.tuple(fc.nat(), fc.constantFrom("renew", "acknowledge"), process).map(([at, what, by]): Command => ({
  name: `${what} ${at}`,
  run: (model, { held, processes }) =>
    Effect.gen(function* () {
      if (held.length === 0) return
      const one = held[held.length - 1 - (at % Math.min(held.length, 8))]!
      const item = find(model, one)
      const isAccepted = yield* processes[by]!(
        Effect.flatMap(Deliveries.Deliveries, (deliveries) =>
          what === "renew"
            ? Effect.map(deliveries.renew([one], Owed.hour), ({ length }) => length === 1)
            : Effect.map(Stage.transact(deliveries.acknowledge([one]), one.tenant), ({ length }) => length === 1)
        )
      )
      assert.equal(isAccepted, isCurrent(item, one))
      if (isAccepted) item.state = what === "renew" ? "Held" : "Done"
    })
}))

const redrive = fc
  .tuple(fc.constantFrom("All", "made", "twice"), fc.constantFrom(1, 9), process)
  .map(([what, limit, by]): Command => ({
    name: `redrive ${what} ${limit}`,
    run: (model, { processes }) =>
      Effect.gen(function* () {
        const letters = yield* processes[by]!(DeadLetters.DeadLetters)
        const typeOf = (item: Item) => model.events[item.order]!.type
        const dead = model.items.filter((item) => item.state === "Dead").toSorted((a, b) => a.died - b.died)
        const listed = yield* letters.list({ limit: 1_000 })
        assert.deepEqual(
          listed.map(({ consumer, event }) => [consumer, event.id]),
          dead.toReversed().map(({ consumer, id }) => [consumer, id])
        )
        const open = dead.filter(({ consumer }) => model.consumers.get(consumer)!.status !== "Retired")
        const chosen = open.filter((item) => what !== "made" || typeOf(item) === "made").slice(0, limit)
        const ids = listed
          .toReversed()
          .slice(0, limit)
          .map(({ id }) => id)
        const selection =
          what === "All"
            ? { _tag: "All" as const }
            : what === "made"
              ? { _tag: "Type" as const, type: "made" }
              : { _tag: "Ids" as const, ids: ids as unknown as readonly [string] }
        if (what === "twice" && ids.length === 0) return
        const count = yield* letters.redrive(selection, "ann", limit)
        const revived = what === "twice" ? dead.slice(0, limit).filter((item) => open.includes(item)) : chosen
        assert.equal(count, revived.length)
        if (what === "twice") assert.equal(yield* letters.redrive(selection, "ann", limit), 0)
        for (const item of revived) Object.assign(item, unmet, { isLate: true })
      })
  }))

const skip = fc.tuple(fc.nat(), process).map(([at, by]): Command => ({
  name: `skip ${at}`,
  run: (model, { held, processes }) =>
    Effect.gen(function* () {
      if (held.length === 0) return
      const one = held[at % held.length]!
      const item = find(model, one)
      const letters = yield* processes[by]!(DeadLetters.DeadLetters)
      const isSkipped = yield* letters.skip(`${one.consumer}/${one.position}`, "because", "ann")
      assert.equal(isSkipped, waits(item) && isHead(model, item))
      if (isSkipped) item.state = "Done"
    })
}))

const backlog = process.map((by): Command => ({
  name: "backlog",
  run: (model, { owner, processes }) =>
    Effect.gen(function* () {
      const answer = yield* processes[by]!(Effect.flatMap(Deliveries.Deliveries, (deliveries) => deliveries.backlog))
      const expected = consumerNames.flatMap((consumer) => {
        const items = model.items.filter((item) => item.consumer === consumer && item.state !== "Done")
        if (items.length === 0 || model.consumers.get(consumer)?.status === "Retired") return []
        const count = (isCounted: (item: Item) => boolean) => items.filter(isCounted).length
        const first = (item: Item) => waits(item) && isHead(model, item)
        return {
          consumer,
          direction: "change" as const,
          ready: count((item) => first(item) && (item.state === "Ready" || item.state === "Expired")),
          delayed: count((item) => first(item) && item.state === "Delayed"),
          held: count((item) => first(item) && item.state === "Held"),
          behind: count((item) => waits(item) && !isHead(model, item)),
          failing: count((item) => first(item) && (item.hasFailed || item.attempts > 1)),
          dead: count((item) => item.state === "Dead")
        }
      })
      assert.deepEqual(
        answer,
        expected.map((counts, place) => ({ ...counts, lag: answer[place]?.lag }))
      )
      for (const { lag, ready } of answer) assert.equal(lag > 0, ready > 0)
      for (const { consumer, deliveries, id, letters, receipts } of yield* Owed.shares(owner)) {
        assert.equal(deliveries + receipts + letters, 1, `${consumer} ${id}`)
      }
    })
}))

const command: fc.Arbitrary<Command> = fc.oneof(
  { arbitrary: append, weight: 6 },
  { arbitrary: consume, weight: 2 },
  { arbitrary: change, weight: 1 },
  { arbitrary: claim, weight: 8 },
  { arbitrary: settle, weight: 7 },
  { arbitrary: pick, weight: 2 },
  { arbitrary: redrive, weight: 3 },
  { arbitrary: skip, weight: 1 },
  { arbitrary: backlog, weight: 2 }
)

const program = fc.tuple(append, consume, fc.array(command, { minLength: 5, maxLength: 40 }))

describe("deliveries", () => {
  it.live("L25 L30 L50 answer as the model does", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl, owner } = yield* Stage.make
        const processes = yield* Effect.all([1, 2, 3].map(() => Stage.process(appUrl)))
        const reset = owner`truncate tidemark.event, tidemark.delivery, tidemark.receipt, tidemark.dead_letter,
          tidemark.consumer`
        const { RUNS, SEED } = globalThis.process.env
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(program, ([first, second, rest]) => {
              const model: Model = { events: [], consumers: new Map(), items: [], deaths: 0 }
              const real: Real = { processes, owner, held: [] }
              return Effect.runPromise(
                Effect.gen(function* () {
                  yield* reset
                  for (const { name, run } of [first, second, ...rest]) {
                    yield* Effect.mapError(run(model, real), (error) => ({ name, error }))
                  }
                })
              )
            }),
            { numRuns: Number(RUNS ?? 100), ...(SEED === undefined ? {} : { seed: Number(SEED) }) }
          )
        )
      })
    )
  )
})
