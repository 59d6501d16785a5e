import { assert, describe, it } from "@effect/vitest"
import { LocalId } from "@tidemark/sql-pg"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"

const version7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

describe("local ids", () => {
  it.effect("are UUIDs of version 7, all different", () =>
    Effect.gen(function* () {
      const ids = yield* LocalId.make(5000)
      for (const id of ids) assert.match(id, version7)
      assert.equal(new Set(ids).size, 5000)
      assert.deepEqual(yield* LocalId.make(0), [])
    })
  )

  it.effect("vary in every digit that is not of the version or the time", () =>
    Effect.gen(function* () {
      const ids = yield* LocalId.make(2000)
      const digits = Array.from({ length: 36 }, (_, place) => new Set(ids.map((id) => id[place])).size)
      const fixed = digits.flatMap((size, place) => (size === 1 ? [place] : []))
      // The time, the hyphens, and the version.
      assert.deepEqual(fixed, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 18, 23])
      assert.equal(digits[19], 4)
      assert.ok(digits.every((size, place) => fixed.includes(place) || place === 19 || size === 16))
    })
  )

  it.effect("begin with the time in ms, so later ones sort behind", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_767_225_600_000)
      const [first] = yield* LocalId.make(1)
      assert.equal(Number.parseInt(first!.slice(0, 8) + first!.slice(9, 13), 16), 1_767_225_600_000)
      yield* TestClock.adjust("1 millis")
      const [second] = yield* LocalId.make(1)
      assert.ok(first! < second!)
    })
  )
})
