// Goal: a table keeps the laws of sinks, as the application's role, over one database for all cases.
// Method: every kind of column; what is refused is refused by the sink's own check, or by a constraint of the table that
// only the server knows. Few cases each, RUNS sets more. Guarantees: L09, L10, L11, L15, L22, L36, L37, L49.
import * as Extras from "@tidemark/core/model/Extras"
import * as Records from "@tidemark/laws/Records"
import { verifySink } from "@tidemark/laws/SinkLaws"
import { PgSink, PgStore } from "@tidemark/sql-pg"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import * as fc from "fast-check"
import { afterAll, describe, it } from "vitest"
import * as Database from "./support/Database.ts"
import * as Harness from "./support/Harness.ts"
import * as LawStore from "./support/LawStore.ts"

const Deal = Schema.Struct({
  title: Schema.String,
  stage: Schema.Literals(["open", "won", "forbidden"]),
  size: Schema.NullOr(Schema.Int),
  amount: Schema.NullOr(Schema.BigDecimal),
  at: Schema.DateTimeUtc,
  tags: Schema.Array(Schema.String),
  owner: Schema.NullOr(Schema.Struct({ name: Schema.String })),
  remark: Schema.optionalKey(Schema.String),
  share: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
  exact: Schema.NullOr(Schema.BigDecimal),
  whole: Schema.BigInt,
  extras: Extras.Extras
})
type Deal = typeof Deal.Type

const table = PgSink.make({
  table: "deal",
  schema: Deal,
  columns: { share: "extras", exact: "extras", whole: "extras" }
})

const stage = Effect.gen(function* () {
  const { appUrl, owner } = yield* Harness.stage
  yield* Effect.provideService(table.create, SqlClient, owner)
  yield* owner`alter table deal add check (stage <> 'forbidden')`
  yield* Database.grantTables(owner)
  const sql = yield* Database.pool(appUrl, { maxConnections: 3 })
  const ports = yield* Layer.build(PgStore.layer().pipe(Layer.provideMerge(Layer.succeed(SqlClient, sql))))
  return Context.add(ports, LawStore.Owner, owner)
})

const scope = Scope.makeUnsafe()
const layer = Layer.unwrap(
  Effect.runSync(Effect.cached(Effect.map(Scope.provide(stage, scope), (context) => Layer.succeedContext(context))))
)

const names = fc.constantFrom("__proto__", "constructor", "Region__c", "region", "\u{1F600}")
const values = fc.oneof(
  fc.constantFrom<Schema.Json>(null, true, "x", -1e-300, 2 ** 53, { ["__proto__"]: { a: 1 } }, [{}]),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer()
)
const bag = fc.array(fc.tuple(names, values), { maxLength: 4 }).map((members) => Object.fromEntries(members))
const records = fc.tuple(Records.fromSchema(Deal), bag).map(([deal, extras]): Deal => ({ ...deal, extras }))
const sound = records.map((deal): Deal => ({ ...deal, stage: deal.stage === "forbidden" ? "open" : deal.stage }))

const laws = verifySink({
  schema: Deal,
  sink: table.sink,
  records: sound,
  refused: fc.oneof(
    sound.map((deal): Deal => ({ ...deal, title: "no text of a table: \0" })),
    sound.map((deal): Deal => ({ ...deal, extras: { ...deal.extras, region: "no text of a table: \0" } })),
    sound.map((deal): Deal => ({ ...deal, extras: { ...deal.extras, share: "is a field of its own" } })),
    sound.map((deal): Deal => ({ ...deal, stage: "forbidden" }))
  ),
  count: ({ tenant }) =>
    Effect.gen(function* () {
      const owner = yield* LawStore.Owner
      const [row] = yield* owner<{ count: number }>`
        select count(*)::int as count from deal where tenant = ${tenant} and deleted_at is null`
      return row?.count ?? 0
    }),
  home: { layer, isShared: true, isRealTime: true, name: "deals" }
})

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

describe("a table", () => {
  for (const law of laws) it(law.name, () => law.check(LawStore.settings(12)))
})
