// Goal: the program of the package's page does what the page says, as a role that row-level security binds.
import { it } from "@effect/vitest"
import * as Sync from "@tidemark/core/engine/Sync"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as SqlClient from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import * as Database from "./support/Database.ts"
import * as Harness from "./support/Harness.ts"

import { Migrations, PgPipeline, PgSink, PgStore } from "@tidemark/sql-pg"

const { appRole } = Database
const Deal = Harness.Note
const source = Harness.sourceOf([{ id: "d1", record: { title: "Anvil", size: 1 } }], 10)
const subscription = Harness.subscriptionOf("default")

const deals = PgSink.make({ table: "deal", schema: Deal })

/** As the owner of the tables. Safe to repeat. */
const migrate = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Migrations.run({ appRole })
  yield* deals.create // or run `deals.migration` yourself, and `deals.verify`
  yield* sql`grant select, insert, update, delete on deal to ${sql(appRole)}`
})

/** As the application's role. */
const program = Effect.gen(function* () {
  const sink = yield* deals.sink
  return yield* Sync.run(Sync.make({ subscription, schema: Deal, source, sink }))
})

const layer = (url: Redacted.Redacted) => PgStore.layer().pipe(Layer.provideMerge(PgPipeline.layer({ url })))

it.live("the program of the page brings a record in, and finds nothing to do the second time", () =>
  Effect.scoped(
    Effect.gen(function* () {
      const { appUrl, ownerUrl } = yield* Database.freshDatabase
      const owner = yield* Database.client(ownerUrl)
      for (const _ of [1, 2]) yield* Effect.provideService(migrate, SqlClient.SqlClient, owner)
      const once = Effect.provide(program, layer(Redacted.make(appUrl)), { local: true })
      const [first, second] = [yield* once, yield* once]
      assert.ok("counts" in first && "counts" in second)
      assert.equal(first.counts.created, 1)
      assert.deepEqual([second.counts.created, second.counts.updated], [0, 0])
      assert.deepEqual(yield* owner`select title from deal`, [{ title: "Anvil" }])
    })
  )
)
