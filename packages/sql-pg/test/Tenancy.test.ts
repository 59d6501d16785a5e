// Goal: a tenant's rows are out of another tenant's reach, even for statements that forget the tenant. Guarantees: L36.
// Method: as the application's role, statements without any tenant predicate, with and without a tenant set.
import { it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Database from "./support/Database.ts"
import * as Harness from "./support/Harness.ts"

const tables = ["lane", "ledger", "run", "item", "event", "quarantine", "intent"].map((name) => `tidemark.${name}`)

describe("tenancy", () => {
  it.live("L36 a statement without a tenant is refused; with one it meets the tenant's rows only", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { appUrl } = yield* Harness.stage
        const sql = yield* Database.client(appUrl)
        const process = Harness.processOf(sql)
        const history = [{ id: "a", record: { title: "x", size: 1 } }]
        for (const tenant of ["acme", "other"]) {
          yield* process(
            Harness.run({ history, pageSize: 9, batchSize: 9, subscription: Harness.subscriptionOf(tenant) })
          )
        }
        for (const table of [...tables, "note"]) {
          const error = yield* Effect.flip(sql.unsafe(`select * from ${table}`))
          assert.match(String((error.reason.cause as Error).message), /no tenant is set/, table)
        }
        yield* sql.withTransaction(
          Effect.gen(function* () {
            yield* sql`select set_config('tidemark.tenant', 'acme', true)`
            for (const table of [...tables, "note"]) {
              const rows = yield* sql.unsafe<{ tenant: string }>(`select tenant from ${table}`)
              assert.ok(
                rows.every(({ tenant }) => tenant === "acme"),
                table
              )
            }
            assert.equal((yield* sql`update note set title = 'z' returning tenant`).length, 1)
            assert.equal((yield* sql`select 1 from tidemark.ledger`).length, 1)
          })
        )
        const stolen = yield* Effect.flip(
          sql.withTransaction(
            Effect.andThen(
              sql`select set_config('tidemark.tenant', 'acme', true)`,
              sql`update tidemark.ledger set tenant = 'other' where tenant = 'acme'`
            )
          )
        )
        assert.match(String((stolen.reason.cause as Error).message), /row-level security/)
      })
    )
  )

  it.live("migrating again, and from several processes at once, changes nothing", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { ownerUrl } = yield* Database.freshDatabase
        const clients = yield* Effect.forEach([1, 2, 3], () => Database.client(ownerUrl))
        yield* Effect.forEach(clients, (client) => Harness.migrate(client), { concurrency: 3 })
        const shape = clients[0]!`select table_name, column_name, data_type from information_schema.columns
          where table_schema = 'tidemark' order by 1, 2`
        const before = yield* shape
        yield* Harness.migrate(clients[1]!)
        assert.deepEqual(yield* shape, before)
        assert.ok(before.length > 50)
      })
    )
  )
})
