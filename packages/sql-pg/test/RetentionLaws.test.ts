// Goal: what is old is removed on PostgreSQL as it is in memory, and a retention that asks for the age alone is caught.
// Guarantees: L31, O20, W42.
// Method: each case has tenants, consumers and types of its own in one database, whose rows are made older by its
// superuser; few cases each, RUNS sets more.
import * as Expiry from "@tidemark/core/ports/Expiry"
import type * as RetentionStore from "@tidemark/laws/events/RetentionStore"
import { verifyRetention } from "@tidemark/laws/EventLaws"
import type * as Law from "@tidemark/laws/Law"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import { afterAll, describe, it } from "vitest"
import * as LawStore from "./support/LawStore.ts"

const scope = Scope.makeUnsafe()

const pass = (by: Duration.Duration) =>
  Effect.gen(function* () {
    const owner = yield* LawStore.Owner
    const millis = `${Duration.toMillis(by)} milliseconds`
    yield* owner`update tidemark.event set appended_at = appended_at - ${millis}::interval`
    yield* owner`update tidemark.inbox set received_at = received_at - ${millis}::interval,
      finished_at = finished_at - ${millis}::interval`
    yield* owner`update tidemark.run set opened_at = opened_at - ${millis}::interval,
      closed_at = closed_at - ${millis}::interval`
    yield* owner`update tidemark.quarantine set opened_at = opened_at - ${millis}::interval,
      closed_at = closed_at - ${millis}::interval`
  })

const store: RetentionStore.RetentionStore<LawStore.Services> = {
  ...LawStore.make(scope),
  shares: LawStore.shares,
  pass
}

/** Another database, in which a part is removed in one statement that asks for the age alone. */
const wrong = (part: Expiry.Part, statement: string): RetentionStore.RetentionStore<LawStore.Services> => ({
  ...store,
  layer: Layer.effectContext(
    Effect.gen(function* () {
      const all = yield* Layer.build(LawStore.make(scope).layer)
      const owner = Context.get(all, LawStore.Owner)
      const right = Context.get(all, Expiry.Expiry)
      return Context.add(all, Expiry.Expiry, {
        remove: (options) =>
          options.part === part
            ? Effect.as(Effect.orDie(owner.unsafe(statement)), { removed: Expiry.noCounts, next: undefined })
            : right.remove(options)
      })
    }) as Effect.Effect<Context.Context<LawStore.Services>, unknown, Scope.Scope>
  )
})

const isCaught = async (of: RetentionStore.RetentionStore<LawStore.Services>, about: string) => {
  const [law] = verifyRetention(of).filter(({ name }) => name.includes(about))
  const failure: unknown = await law!.check({ runs: 200, isShrinking: false }).then(
    () => undefined,
    (error: unknown) => error
  )
  assert.equal(((failure as Law.Broken | undefined)?.cause as { _tag?: string } | undefined)?._tag, "Violation")
}

afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

describe("PostgreSQL", () => {
  for (const law of verifyRetention(store)) it(law.name, () => law.check(LawStore.settings(8)))

  it("L31 a retention of events by age alone is caught", () =>
    isCaught(wrong("events", "delete from tidemark.event where appended_at < now() - interval '1 hour'"), "an event"))

  it("L31 W42 an inbox that goes with its events is caught", () =>
    isCaught(
      wrong(
        "messages",
        "delete from tidemark.inbox m where not exists (select from tidemark.event e where e.id = m.id)"
      ),
      "a message"
    ))
})
