// Goal: two processes of one lane do not get in each other's way. Guarantees: L32, L49, W12, W73.
// Method: the command as processes, on one database and one org, one of them stopped for a while; the history of it.
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Database from "../src/Database.ts"
import * as Judge from "../src/Judge.ts"
import * as Play from "../src/Play.ts"
import * as Worker from "../src/Worker.ts"

/** An org, a database, and what the history says of all that the test does. */
const judged = <E>(test: (play: Play.Play) => Effect.Effect<void, E, NodeServices.NodeServices>): Promise<void> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped()
    const play = yield* Play.make({
      database: yield* Database.make(yield* Database.server, "workers"),
      population: { accounts: 400, contacts: 100, opportunities: 0 },
      seed: 1,
      directory,
      // Many small batches: there is time to stop a process between two of them, however slow the machine is.
      batchSize: 10
    })
    yield* test(play)
    yield* Play.calm(play)
    yield* Play.close(play, [])
    const { verdict, violations } = yield* Judge.judge(directory)
    assert.deepEqual(violations, [])
    assert.deepEqual([verdict.lost, verdict.doubled, verdict.stale], [0, 0, 0])
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer), Effect.runPromise)

const exited = (ended: Worker.Ended) => {
  assert.ok(ended._tag === "Exited")
  return { ...ended, created: ended.lines.map(({ created, status }) => [status, created]) }
}

describe("two processes of one lane", () => {
  it(
    "W73 the second is told that the lane is busy and writes nothing, the first completes",
    () =>
      judged(({ settings }) =>
        Effect.gen(function* () {
          const accounts = { ...settings, objects: ["Account"] }
          const second = Effect.map(Worker.run(accounts), (ended) => {
            const { code, created } = exited(ended)
            assert.deepEqual([code, created], [0, [["Busy", 0]]])
          })
          const first = exited(yield* Worker.pause({ ...accounts, lease: "60s" }, 3, second))
          assert.deepEqual([first.code, first.created], [0, [["Succeeded", 400]]])
        })
      ),
    120_000
  )

  it(
    "L32 W12 one that takes over fences the other, and nothing is written twice",
    () =>
      judged(({ settings }) =>
        Effect.gen(function* () {
          const second = Effect.map(Worker.run({ ...settings, isTakingOver: true }), (ended) => {
            const { code, lines } = exited(ended)
            assert.deepEqual([code, lines.map(({ status }) => status)], [0, ["Succeeded", "Succeeded", "Succeeded"]])
          })
          const first = exited(yield* Worker.pause({ ...settings, lease: "60s" }, 3, second))
          assert.equal(first.code, 1)
          assert.match(first.errors, /Another run took the lane over/)
        })
      ),
    120_000
  )

  it(
    "L32 W12 one whose lease ran out while it was stopped is fenced by the next",
    () =>
      judged(({ settings }) =>
        Effect.gen(function* () {
          const second = Worker.run(settings).pipe(
            Effect.map((ended) => exited(ended).lines.map(({ status }) => status)),
            Effect.repeat({ until: (statuses) => !statuses.includes("Busy") })
          )
          const first = exited(yield* Worker.pause(settings, 3, second))
          assert.equal(first.code, 1)
          assert.match(first.errors, /Another run took the lane over/)
        })
      ),
    120_000
  )
})
