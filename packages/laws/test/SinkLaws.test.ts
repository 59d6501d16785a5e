// Goal: right sinks keep the laws, wrong ones are caught by the law that is against them.
// Guarantees: L09, L10, L11, L15, L22, L36, L37, L49.
import type * as Observation from "@tidemark/core/model/Observation"
import * as Subscription from "@tidemark/core/model/Subscription"
import * as Write from "@tidemark/core/model/Write"
import * as ChangeSink from "@tidemark/core/ports/ChangeSink"
import * as Poison from "@tidemark/laws/Poison"
import * as Scenarios from "@tidemark/laws/Scenarios"
import { verifySink } from "@tidemark/laws/SinkLaws"
import type * as SinkLaws from "@tidemark/laws/SinkLaws"
import * as World from "@tidemark/laws/World"
import * as Memory from "@tidemark/memory/Memory"
import * as MemorySink from "@tidemark/memory/MemorySink"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import * as Arr from "effect/Array"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { describe, it } from "vitest"
import { isCaught } from "./support/caught.ts"
import { settings } from "./support/settings.ts"

type Sink = ChangeSink.Transactional<World.Note>
type External = ChangeSink.External<World.Note>
type Options = SinkLaws.Options<World.Note, Memory.Services> & { readonly home?: undefined }

const refused = Scenarios.note.map((note) => ({ ...note, remark: "poison" }))
const target = MemoryTarget.make<World.Note>({ label: "target" })
const memory = MemorySink.make<World.Note>({ label: "notes" })

// -----------------------------------------------------------------------------
// right sinks
// -----------------------------------------------------------------------------

const Deal = Schema.Struct({
  title: Schema.String,
  amount: Schema.BigDecimal,
  at: Schema.DateTimeUtc,
  owner: Schema.NullOr(Schema.Struct({ name: Schema.String })),
  remark: Schema.optionalKey(Schema.String)
})

const refusing = (way: Poison.Way): Options => ({
  schema: World.Note,
  sink: Effect.map(memory, Poison.refusing(way)),
  records: Scenarios.note,
  refused
})
/** The functions of a target that takes one record at a time. */
const recordwise = Effect.map(
  MemoryTarget.make<World.Note>({
    label: "target",
    refuse: (one) => (one._tag === "Put" && one.record.remark === "poison" ? "Row" : undefined)
  }),
  ({ sink }): ChangeSink.Recordwise<World.Note> => {
    const write = (subscription: Subscription.Subscription, one: Write.Write<World.Note>) =>
      Effect.flatMap(sink.write(subscription, [one]), ([answer]) => Effect.fromResult(answer!))
    return {
      label: "target",
      find: (subscription, id) => Effect.map(sink.find(subscription, [id]), (rows) => rows.get(id)),
      put: write,
      remove: write
    }
  }
)

const right: Record<string, ReturnType<typeof verifySink>> = {
  "a sink over rows": verifySink({ schema: Deal, sink: MemorySink.make<typeof Deal.Type>({ label: "deals" }) }),
  "a sink that checks": verifySink(refusing("Check")),
  "a sink that answers a refusal": verifySink(refusing("Row")),
  "a sink that fails as a whole": verifySink(refusing("Batch")),
  "another system": verifySink({ schema: World.Note, sink: Effect.map(target, ({ sink }) => sink) }),
  "functions of one record": verifySink({
    schema: World.Note,
    sink: Effect.map(recordwise, ChangeSink.fromRecordwise),
    records: Scenarios.note,
    refused
  }),
  "another system that knows no keys": verifySink({
    schema: World.Note,
    sink: Effect.map(MemoryTarget.make<World.Note>({ label: "target", isIdempotent: false }), ({ sink }) => sink)
  })
}

// -----------------------------------------------------------------------------
// wrong sinks
// -----------------------------------------------------------------------------

const over = (change: (right: Sink) => Partial<Sink>): Effect.Effect<Sink, never, Memory.Store> =>
  Effect.map(memory, (right) => ({ ...right, ...change(right) }))

const overTarget = (change: (right: External) => Partial<External>): Effect.Effect<External> =>
  Effect.map(target, ({ sink }) => ({ ...sink, ...change(sink) }))

/** The sink, with each record changed on its way in. */
const storing = (change: (note: World.Note) => World.Note) =>
  over((right) => ({
    write: (subscription, writes) =>
      right.write(
        subscription,
        Arr.map(writes, (one) => (one._tag === "Put" ? { ...one, record: change(one.record) } : one))
      )
  }))

const answering = (change: (answers: Write.Answers, writes: Write.Writes<World.Note>) => Write.Answers) =>
  over((right) => ({
    write: (subscription, writes) =>
      Effect.map(right.write(subscription, writes), (answers) =>
        change(
          answers.map((answer, index) => Result.map(answer, (one) => ({ localId: writes[index]!.localId, ...one }))),
          writes
        )
      )
  }))

/** All of one tenant, or of one account, whoever asks. */
const merging = (change: (subscription: Subscription.Subscription) => Subscription.Subscription) =>
  overTarget((right) => ({
    find: (subscription, ids) => right.find(change(subscription), ids),
    write: (subscription, writes) => right.write(change(subscription), writes)
  }))

/** Each removal is in the target at once, the store's own transaction or not. */
const leaking: Options["sink"] = Effect.gen(function* () {
  const { sink } = yield* target
  return { ...sink, _tag: "Transactional" as const }
})

/** What is put is kept aside until the transaction is over: it is not read inside. */
const late: Options["sink"] = Effect.gen(function* () {
  const right = yield* memory
  const context = yield* Effect.context<Memory.Services>()
  const outside: Sink["find"] = (subscription, ids) =>
    Effect.promise(() =>
      Effect.runPromise(Effect.provideContext(right.find(subscription, ids), Context.pick(Memory.Store)(context)))
    )
  return { ...right, find: outside }
})

/** Grows a number at each write, as an update in place may do. */
const counting = over((right) => ({
  write: Effect.fnUntraced(function* (subscription, writes) {
    const ids = Arr.map(writes, ({ externalId }) => externalId)
    const known = yield* right.find(subscription, ids)
    return yield* right.write(
      subscription,
      Arr.map(writes, (one) =>
        one._tag === "Put" && known.has(one.externalId)
          ? { ...one, record: { ...one.record, size: known.get(one.externalId)!.record.size + 1 } }
          : one
      )
    )
  })
}))

/** A row for each write, of which the newest is found. */
const doubling = (): { readonly sink: Options["sink"]; readonly count: NonNullable<Options["count"]> } => {
  const rows = new Map<string, number>()
  return {
    sink: over((right) => ({
      write: (subscription, writes) => {
        const puts = writes.filter(({ _tag }) => _tag === "Put").length
        rows.set(subscription.tenant, (rows.get(subscription.tenant) ?? 0) + puts)
        return right.write(subscription, writes)
      }
    })),
    count: ({ tenant }) => Effect.sync(() => rows.get(tenant) ?? 0)
  }
}

/** A new id for the record whenever it is put. */
const renaming: Options["sink"] = Effect.gen(function* () {
  const right = yield* memory
  const names = new Map<string, string>()
  let made = 0
  return {
    ...right,
    find: (subscription, ids) =>
      Effect.map(
        right.find(subscription, ids),
        (rows) => new Map([...rows].map(([id, row]) => [id, { ...row, localId: names.get(id) ?? row.localId }]))
      ),
    write: (subscription, writes) =>
      Effect.map(right.write(subscription, writes), (answers) =>
        answers.map((answer, index) => {
          made += 1
          names.set(writes[index]!.externalId, `made-${made}`)
          return Result.map(answer, () => ({ localId: `made-${made}` }))
        })
      )
  }
})

const failing = (reason: ChangeSink.SinkError["reason"]) =>
  Result.fail(new Write.Rejection({ code: reason, message: "" }))

const wrong: ReadonlyArray<
  readonly [design: string, id: string, about: string, options: Omit<Options, "schema" | "records" | "home">]
> = [
  [
    "a check that nothing passes",
    "L15",
    "not every",
    { sink: over(() => ({ check: () => new Write.Rejection({ code: "Invalid", message: "" }) })) }
  ],
  ["a field that is lost", "L22", "", { sink: storing((note) => ({ ...note, remark: null })) }],
  ["a text that is cut", "L22", "", { sink: storing((note) => ({ ...note, name: note.name.slice(0, 255) })) }],
  [
    "ids without their case",
    "L22",
    "",
    {
      sink: overTarget((right) => ({
        find: (subscription, ids) =>
          Effect.map(
            right.find(subscription, Arr.map(ids, lower)),
            (rows) =>
              new Map(
                ids.flatMap((id) => {
                  const row = rows.get(lower(id))
                  return row === undefined ? [] : [[id, row] as const]
                })
              )
          ),
        write: (subscription, writes) =>
          right.write(
            subscription,
            Arr.map(writes, (one) => ({ ...one, externalId: lower(one.externalId) }))
          )
      }))
    }
  ],
  [
    "more found than asked for",
    "L22",
    "",
    {
      sink: over((right) => ({
        find: (subscription, ids) =>
          right.find(subscription, [...ids, ...(["a", "A", "ab", "b-1"] as Array<Observation.ExternalId>)])
      }))
    }
  ],
  ["a number that grows with each write", "L09", "", { sink: counting }],
  ["a row for each write", "L09", "", doubling()],
  [
    "a failure when what is absent is removed",
    "L10",
    "",
    {
      sink: over((right) => ({
        write: Effect.fnUntraced(function* (subscription, writes) {
          const known = yield* right.find(
            subscription,
            Arr.map(writes, ({ externalId }) => externalId)
          )
          const answers = yield* right.write(subscription, writes)
          return answers.map((answer, index) =>
            writes[index]!._tag === "Remove" && !known.has(writes[index]!.externalId) ? failing("Refused") : answer
          )
        })
      }))
    }
  ],
  [
    "a removal that is not done",
    "L10",
    "",
    {
      sink: over((right) => ({
        write: Effect.fnUntraced(function* (subscription, writes) {
          const puts = writes.filter(({ _tag }) => _tag === "Put")
          if (Arr.isReadonlyArrayNonEmpty(puts)) yield* right.write(subscription, puts)
          return writes.map(() => Result.succeed({}))
        })
      }))
    }
  ],
  ["answers in another order", "L37", "", { sink: answering((answers) => answers.toReversed()) }],
  ["an answer that is missing", "L37", "", { sink: answering((answers) => answers.slice(1)) }],
  ["a new local id at each write", "L49", "", { sink: renaming }],
  ["rows that stay when all is taken back", "L11", "leaves nothing", { sink: leaking }],
  ["rows that stay when an inner part is taken back", "L11", "inner", { sink: leaking }],
  ["rows seen before they are committed", "L11", "nobody else", { sink: leaking }],
  ["rows not seen in their own transaction", "L11", "in its transaction", { sink: late }],
  [
    "a batch that is known by its first write",
    "L11",
    "whole once",
    {
      sink: overTarget((right) => {
        const seen = new Set<string>()
        return {
          write: (subscription, writes) => {
            const key = writes[0].idempotencyKey
            if (seen.has(key)) return Effect.succeed(writes.map(() => Result.succeed({})))
            seen.add(key)
            return right.write(subscription, writes)
          }
        }
      })
    }
  ],
  [
    "all tenants in one",
    "L36",
    "tenant",
    { sink: merging((one) => ({ ...one, tenant: Subscription.TenantId.make("all") })) }
  ],
  [
    "all accounts in one",
    "L36",
    "account",
    { sink: merging((one) => ({ ...one, connection: { ...one.connection, account: "all" } })) }
  ],
  [
    "all providers in one",
    "L36",
    "provider",
    { sink: merging((one) => ({ ...one, connection: { ...one.connection, provider: "all" } })) }
  ],
  [
    "a batch that a refused record takes with it",
    "L15",
    "alone",
    {
      refused,
      sink: over((right) => ({
        write: (subscription, writes) =>
          writes.some(isPoison)
            ? Effect.succeed(writes.map(() => failing("Refused")))
            : right.write(subscription, writes)
      }))
    }
  ],
  [
    "a refused record that is written",
    "L15",
    "alone",
    {
      refused,
      sink: over((right) => ({
        write: (subscription, writes) =>
          Effect.map(right.write(subscription, writes), (answers) =>
            answers.map((answer, index) => (isPoison(writes[index]!) ? failing("Refused") : answer))
          )
      }))
    }
  ],
  [
    "a record that is refused and called written",
    "L15",
    "alone",
    {
      refused,
      sink: Effect.map(over(Poison.refusing("Row")), (right) => ({
        ...right,
        write: (...args: Parameters<Sink["write"]>) =>
          Effect.map(right.write(...args), (answers) =>
            answers.map((answer) => (Result.isSuccess(answer) ? answer : Result.succeed({})))
          )
      }))
    }
  ]
]

const lower = (id: Observation.ExternalId) => id.toLowerCase() as Observation.ExternalId
const isPoison = (one: Write.Write<World.Note>) => one._tag === "Put" && one.record.remark === "poison"

describe("a right sink", () => {
  for (const [name, laws] of Object.entries(right))
    for (const law of laws) it(`${law.name}: ${name}`, () => law.check(settings(30)))
})

describe("a wrong sink", () => {
  for (const [design, id, about, options] of wrong) {
    it(`${id} ${design} is caught`, () => isCaught(verifySink({ schema: World.Note, ...options }), id, about))
  }
})
