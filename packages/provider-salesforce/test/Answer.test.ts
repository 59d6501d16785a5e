/**
 * What a page of a query tells besides its rows.
 */
import * as Effect from "effect/Effect"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import { client, run } from "./support/Script.ts"

describe("a page", () => {
  it.each([
    [3, 3],
    [0, 0],
    [undefined, undefined],
    [null, undefined],
    [-1, undefined],
    ["3", undefined],
    [1.5, undefined]
  ])("with a total of %s tells %s, and is read all the same", (totalSize, expected) =>
    run(
      Effect.gen(function* () {
        const made = yield* client(() => ({ body: { totalSize, done: true, records: [] } }))
        assert.equal((yield* made.client.query("SELECT COUNT() FROM Account")).total, expected)
      })
    )
  )
})
