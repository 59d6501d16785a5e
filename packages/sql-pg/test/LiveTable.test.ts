// Goal: a table that does not fit is told before the first write, problem by problem, with what to do.
// Method: a fitting table, changed by one statement each time.
import { it } from "@effect/vitest"
import { PgSink } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import { describe } from "vitest"
import * as Stage from "./support/Stage.ts"

const Note = Schema.Struct({ title: Schema.String, size: Schema.optionalKey(Schema.Int) })
const note = PgSink.make({ table: "note", schema: Note })

describe("verify", () => {
  const problemsOf = (...statements: ReadonlyArray<string>) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner } = yield* Stage.make
        const asOwner = Effect.provideService(SqlClient, owner as SqlClient)
        assert.equal(yield* note.verify.pipe(asOwner), "Missing")
        yield* note.create.pipe(asOwner)
        assert.equal(yield* note.verify.pipe(asOwner), "Present")
        for (const statement of statements) yield* owner.unsafe(statement)
        const error = yield* Effect.flip(note.verify.pipe(asOwner))
        assert.ok(error._tag === "PgSinkMismatch")
        assert.equal((yield* Effect.flip(note.create.pipe(asOwner)))._tag, "PgSinkMismatch")
        return error.problems
      })
    )

  const cases: ReadonlyArray<readonly [string, ReadonlyArray<string>, ReadonlyArray<RegExp>]> = [
    ["a missing column", ["alter table note drop column size"], [/size is missing: add it as bigint/]],
    [
      "a column of another type",
      ["alter table note alter title type varchar(9)"],
      [/title is character varying\(9\) and must be text/]
    ],
    [
      "a column that rounds",
      ["alter table note add amount int", "alter table note alter size type numeric(9, 2)"],
      [/size is numeric\(9,2\)/]
    ],
    ["a column that may not be null", ["alter table note alter size set not null"], [/size must not be null.*drop/]],
    ["a column that nobody fills", ["alter table note add x int not null"], [/x is not mapped.*give it one/]],
    [
      "a missing key",
      ["alter table note drop constraint note_tenant_external_id_provider_account_key"],
      [/no unique index on the key: create unique index/]
    ],
    [
      "a unique index over deleted rows",
      ["create unique index one on note (title)"],
      [/index one counts deleted.*partial/]
    ],
    [
      "a constraint that waits for the commit",
      ["alter table note add unique (id) deferrable initially deferred"],
      [/note_id_key is checked at the commit.*initially immediate/]
    ],
    ["missing security", ["alter table note no force row level security"], [/not forced/]],
    [
      "several at once",
      ["alter table note drop column title", "alter table note drop column revision"],
      [/revision is missing/, /title is missing/]
    ]
  ]
  for (const [name, statements, expected] of cases) {
    it.live(`${name} is named, with its remedy`, () =>
      Effect.gen(function* () {
        const problems = yield* problemsOf(...statements)
        assert.equal(problems.length, expected.length, problems.join("\n"))
        expected.forEach((pattern, index) => assert.match(problems[index]!, pattern))
      })
    )
  }

  it.live("what an application may have beside the mapped columns is no problem", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { owner } = yield* Stage.make
        yield* Effect.provideService(note.create, SqlClient, owner as SqlClient)
        yield* owner`alter table note add column x int not null default 1, add column y text, add column slug text unique`
        yield* owner`create unique index current on note (title) where deleted_at is null`
        assert.equal(yield* Effect.provideService(note.verify, SqlClient, owner as SqlClient), "Present")
      })
    )
  )
})
