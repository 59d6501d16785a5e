/**
 * A connection lost at a commit: the run itself finds out what became of it, and
 * goes on.
 *
 * Guarantees: L12
 */
import * as UnitOfWork from "@tidemark/core/ports/UnitOfWork"
import type * as Database from "@tidemark/memory/Database"
import * as Memory from "@tidemark/memory/Memory"
import * as MemoryTarget from "@tidemark/memory/MemoryTarget"
import * as Effect from "effect/Effect"
import * as assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Notes from "./notes.ts"

const observations = Notes.placed([
  Notes.upsert("a", 1, 1),
  Notes.upsert("b", 9, 1),
  Notes.upsert("a", 2, 2),
  Notes.upsert("c", 1, 1),
  Notes.tombstone("a", 3)
])

/** Loses the answer to the given commit, and to no other. */
const losing = (point: string, commit: number): { readonly hook: Database.Hook; readonly isLost: () => boolean } => {
  let count = 0
  const cause = new Error("the connection was lost")
  const lost = new UnitOfWork.TransactionError({ reason: "Unknown", cause })
  return {
    hook: (name) => Effect.suspend(() => (name === point && ++count === commit ? Effect.fail(lost) : Effect.void)),
    isLost: () => count >= commit
  }
}

const play = (kind: "Transactional" | "External", hook?: Database.Hook) =>
  Effect.gen(function* () {
    const database = yield* Memory.makeDatabase
    const target = yield* MemoryTarget.make<Notes.Note>({ label: "api" })
    const summary = yield* Notes.run(database, {
      observations,
      batchSize: 2,
      ...(kind === "External" ? { sink: target.sink } : {}),
      ...(hook === undefined ? {} : { hook })
    })
    assert.ok("status" in summary && summary.status === "Partial")
    const calls = (yield* target.calls).map(({ isEffective, write }) => [write.idempotencyKey, isEffective])
    return { left: yield* Notes.left(database), calls, counts: summary.counts, batches: summary.batches }
  })

describe("a run that loses the answer to a commit", () => {
  const points = [
    ["before it took effect", "UnitOfWork.commit:before"],
    ["after it took effect", "UnitOfWork.commit:after"]
  ] as const
  for (const kind of ["Transactional", "External"] as const) {
    const commits = kind === "Transactional" ? [1, 2, 3] : [1, 2, 3, 4, 5, 6]
    it.each(points)(`L12 %s ends as if nothing had happened, with a sink that is ${kind}`, (_, point) =>
      Effect.runPromise(
        Effect.gen(function* () {
          const undisturbed = yield* play(kind)
          for (const commit of commits) {
            const { hook, isLost } = losing(point, commit)
            const disturbed = yield* play(kind, hook)
            assert.ok(isLost(), `there was no commit ${commit}`)
            assert.deepEqual(disturbed, undisturbed)
          }
        })
      )
    )
  }
})
