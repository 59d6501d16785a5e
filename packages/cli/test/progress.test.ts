// Goal: who watches a sync is told how far it is and what is left; nobody waits for an estimate.
// Method: the command in this process over a store in memory, at a time that stands still.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as World from "./support/World.ts"

const deals = (...names: ReadonlyArray<string>): Array<World.Deal> =>
  names.map((name, index) => ({ id: `d${index + 1}`, at: index + 1, name }))

describe("sync", () => {
  it("tells its progress where it is asked to, a line each second, with what is left", () =>
    World.operated(
      Effect.fnUntraced(function* (world) {
        const { code, err, out, progress } = yield* world.run("sync", "--progress", "--json")
        assert.deepEqual([code, err, JSON.parse(out).read], [0, "", 6])
        assert.equal(progress, "Deal             2 of about 6 records, 0/s\n", "the clock stands still")
        assert.equal((yield* world.run("sync")).progress, "")
      }),
      deals("a", "b", "c", "d", "e", "f"),
      {}
    ))

  it("redraws its progress on a terminal, wipes it before a result, and draws nothing where there is none", () =>
    World.operated(
      Effect.fnUntraced(function* (world) {
        const wiped = "\r\u001b[2K"
        const told = ["2 of about 3 records, 0/s", "3 records, 0/s"].map((text) => `${wiped}Deal             ${text}`)
        assert.equal((yield* world.run("sync")).progress, `${told.join("")}${wiped}`)
        for (const command of ["status", "runs", "migrate"]) assert.equal((yield* world.run(command)).progress, "")
      }),
      deals("a", "b", "c"),
      { isTerminal: true }
    ))

  it("asks what to expect only while somebody watches, and waits for no answer", () => {
    const asked = { times: 0 }
    const expected = Effect.andThen(
      Effect.sync(() => void (asked.times += 1)),
      Effect.never
    )
    return World.operated(
      Effect.fnUntraced(function* (world) {
        assert.equal((yield* world.run("sync")).code, 0)
        assert.equal(asked.times, 0)
        const running = yield* Effect.forkChild(world.run("sync", "--progress"))
        yield* Effect.repeat(TestClock.adjust("5 seconds"), { until: () => running.pollUnsafe() !== undefined })
        const { code, progress } = yield* Fiber.join(running)
        assert.deepEqual([code, asked.times, progress], [0, 1, "Deal             1 records, 0/s\n"])
      }),
      deals("a"),
      { expected }
    )
  })
})
