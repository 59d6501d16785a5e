// Goal: whenever deletions can be read at last, none is missed.
// Method: the command into a real PostgreSQL, against a simulated org that tells of deletions for 15 days. Its deletions
// cannot be read on the first run, for one reason or another; records go while nobody looks, and are purged.
// Guarantees: L13.
import { Simulator } from "@tidemark/provider-salesforce/simulator"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import assert from "node:assert/strict"
import { afterAll, beforeAll, describe, it } from "vitest"
import * as Command from "./support/tamed.ts"
import * as Copy from "./support/copy.ts"
import * as Server from "./support/server.ts"

let server: Server.Server

beforeAll(async () => {
  server = await Server.start()
})
afterAll(() => server.close())

const run = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> => Effect.runPromise(Effect.scoped(effect))

const accounts = 90
const month = 30 * 86_400_000

const open = Effect.fnUntraced(function* () {
  const org = yield* Simulator.make({ seed: 5, accounts, pageMax: 40 })
  const database = yield* Effect.promise(() => server.database())
  return {
    org,
    command: Command.run({ org, url: database.url, credentials: Command.bearer(org.token) }),
    copy: Effect.promise(() => Copy.read(database, org)),
    /** So many accounts are purged, and nobody hears of it in time. */
    purge: Effect.fnUntraced(function* (count: number) {
      const ids = Object.keys(yield* Effect.promise(() => Copy.truth(org))).slice(0, count)
      yield* org.control.mutate({ ops: ids.map((id) => ({ op: "purge" as const, entity: "Account", id })) })
      yield* org.control.advance(month)
    })
  }
})

const lanes = ({ runs }: Copy.Copy) => runs.map(({ lane, status }) => `${lane} ${status}`)

describe("deletions", () => {
  it("L13 have their position before the first record comes in", () =>
    run(
      Effect.gen(function* () {
        const { command, copy, org } = yield* open()
        yield* org.control.fault({ match: "/deleted/", kind: "500", times: 100 })
        const ended = yield* command
        const before = yield* copy
        assert.deepEqual([ended.code, ended.reason, lanes(before)], [2, "Unavailable", ["deletes Failed"]])
        assert.deepEqual(before.records, {})
        yield* org.control.calm
        const { code, line } = yield* command
        assert.deepEqual([code, line?.created], [0, accounts])
        assert.deepEqual(lanes(yield* copy), ["deletes Failed", "deletes Succeeded", "live Succeeded"])
        assert.equal((yield* command).code, 0)
        assert.deepEqual(lanes(yield* copy).slice(3), ["live Succeeded", "deletes Succeeded"])
      })
    ))

  it.each(["deletions were forbidden until then", "the last run was a month ago"])(
    "L13 of records purged long ago are found out, where %s",
    (when) =>
      run(
        Effect.gen(function* () {
          const { command, copy, org, purge } = yield* open()
          const isForbidden = when.includes("forbidden")
          if (isForbidden) yield* org.control.fault({ match: "/deleted/", kind: "noAccess", times: 100 })
          // Records come in all the same, and what is wrong is said each time.
          for (let runs = 0; runs < 2; runs++) {
            const { code, reason } = yield* command
            assert.deepEqual([code, reason], isForbidden ? [1, "Forbidden"] : [0, undefined])
          }
          assert.equal(Object.keys((yield* copy).records).length, accounts)
          yield* purge(7)
          yield* org.control.calm
          const { code, line, said } = yield* command
          assert.deepEqual([code, line?.deleted], [0, 7], said)
          const settled = yield* copy
          yield* Effect.promise(() => Copy.requireEqual(settled, org))
          assert.equal((yield* command).line?.deleted, 0)
        })
      )
  )

  it("L13 that are too many to be believed are told, and nothing is deleted", () =>
    run(
      Effect.gen(function* () {
        const { command, copy, purge } = yield* open()
        assert.equal((yield* command).code, 0)
        yield* purge(30)
        for (let runs = 0; runs < 2; runs++) {
          const { code, reason, said } = yield* command
          assert.deepEqual([code, reason], [1, "PositionLost"])
          assert.match(said, /: 30 of 90 of Account are not found/)
        }
        assert.equal(Object.keys((yield* copy).records).length, accounts)
      })
    ))
})
