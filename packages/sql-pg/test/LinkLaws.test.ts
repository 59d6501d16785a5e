// Goal: links keep their laws on PostgreSQL, and a table of links without a unique key is caught.
// Guarantees: W44.
// Method: each case has tenants of its own in one database; few cases each, RUNS sets more.
import * as Links from "@tidemark/core/ports/Links"
import { StoreError } from "@tidemark/core/ports/StoreError"
import type * as Law from "@tidemark/laws/Law"
import type * as LinkLaws from "@tidemark/laws/LinkLaws"
import { verifyLinks } from "@tidemark/laws/LinkLaws"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import assert from "node:assert/strict"
import { afterAll, describe, it } from "vitest"
import * as LawStore from "./support/LawStore.ts"

const scope = Scope.makeUnsafe()
const store: LinkLaws.LinkStore<LawStore.Services> = LawStore.make(scope)

/** Looks whether a link is there, and then writes it: to a table that would take it twice. */
const looking = (right: Links.Links["Service"], sql: SqlClient): Links.Links["Service"] => ({
  ...right,
  put: (tenant, links) =>
    Effect.gen(function* () {
      for (const { metadata, source, target, type } of links) {
        const known = yield* right.find(tenant, { source, target, type })
        if (known.length > 0) yield* right.remove(tenant, [{ source, target, type }])
        yield* sql`insert into tidemark.link (tenant, source_id, source_entity, source_system, target_id, target_entity,
          target_system, type, metadata) values (${tenant}, ${source.id}, ${source.entity}, ${source.system},
          ${target.id}, ${target.entity}, ${target.system}, ${type}, ${JSON.stringify(metadata)}::json)`
      }
    }).pipe(
      Effect.catchTag("SqlError", (cause) =>
        Effect.fail(
          new StoreError({ reason: "Unavailable", operation: "Links.put", message: "it could not be written", cause })
        )
      )
    )
})

const wrong: LinkLaws.LinkStore<LawStore.Services> = {
  ...LawStore.make(scope),
  layer: Layer.effectContext(
    Effect.gen(function* () {
      const all = yield* Layer.build(LawStore.make(scope).layer)
      yield* Context.get(all, LawStore.Owner)`alter table tidemark.link drop constraint link_pkey`
      return Context.add(all, Links.Links, looking(Context.get(all, Links.Links), Context.get(all, SqlClient)))
    }) as Effect.Effect<Context.Context<LawStore.Services>, unknown, Scope.Scope>
  )
}

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

describe("PostgreSQL", () => {
  for (const law of verifyLinks(store)) it(law.name, () => law.check(LawStore.settings(12)))

  it("W44 links without a unique key are caught", async () => {
    const laws = verifyLinks(wrong).filter(({ name }) => name.includes("at once"))
    assert.equal(laws.length, 1)
    const failure: unknown = await laws[0]!.check({ runs: 100, isShrinking: false }).then(
      () => undefined,
      (error: unknown) => error
    )
    assert.equal(((failure as Law.Broken | undefined)?.cause as { _tag?: string } | undefined)?._tag, "Violation")
  })
})
