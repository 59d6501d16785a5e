/** Faults over HTTP: what each shows the client, when it does, and that it is counted. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import assert from "node:assert/strict"
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, it } from "vitest"
import * as Faults from "../../src/simulator/Faults.ts"
import type * as Caller from "./support/Caller.ts"
import { base, run } from "./support/Caller.ts"

const soql = "SELECT Id FROM Account"
const refusal =
  (status: number, errorCode: string, retryAfter: string | null = null) =>
  ({ headers, json, status: given }: Caller.Answer) => {
    assert.deepEqual([given, json.length, json[0]?.errorCode], [status, 1, errorCode])
    assert.equal(headers.get("retry-after"), retryAfter)
  }
const page = (status: number) => (answer: Caller.Answer) => {
  assert.deepEqual([answer.status, answer.json], [status, undefined])
  assert.match(answer.text, new RegExp(`<html>[^]*${status}`))
  assert.match(answer.headers.get("content-type") ?? "", /^text\/html/)
}

// What a query meets first; `undefined` for what is no answer, or comes elsewhere.
const shown: { readonly [kind in Faults.Kind]: ((answer: Caller.Answer) => void) | undefined } = {
  html200: ({ json, status, text }) => assert.ok(status === 200 && json === undefined && text.startsWith("<html>")),
  empty200: ({ status, text }) => assert.deepEqual([status, text], [200, ""]),
  truncated: ({ json, status, text }) =>
    assert.ok(status === 200 && json === undefined && text.startsWith('{"totalSize')),
  malformed: ({ json, status }) => assert.deepEqual([status, json], [200, { error: "rate_limited" }]),
  repeatLocator: ({ json }) =>
    assert.deepEqual([json.done, json.nextRecordsUrl], [false, `${base}/query?q=SELECT%20Id%20FROM%20Account`]),
  otherHost: ({ json }) => assert.ok(json.done === false && json.nextRecordsUrl.startsWith("https://elsewhere.")),
  expireLocators: undefined,
  "401": refusal(401, "INVALID_SESSION_ID"),
  expireToken: undefined,
  invalidClient: undefined,
  "403": refusal(403, "REQUEST_LIMIT_EXCEEDED"),
  apiDisabled: refusal(403, "API_DISABLED_FOR_ORG"),
  userDisabled: refusal(403, "API_CURRENTLY_DISABLED"),
  noAccess: refusal(403, "INSUFFICIENT_ACCESS"),
  "406": page(406),
  "420": page(420),
  "429": refusal(429, "REQUEST_LIMIT_EXCEEDED", "7"),
  "429Date": refusal(429, "REQUEST_LIMIT_EXCEEDED", "Fri, 01 May 2026 08:00:07 GMT"),
  "429Absent": refusal(429, "REQUEST_LIMIT_EXCEEDED"),
  "429Absurd": refusal(429, "REQUEST_LIMIT_EXCEEDED", "soon"),
  "500": refusal(500, "UNKNOWN_EXCEPTION"),
  "502": page(502),
  "503": refusal(503, "SERVER_UNAVAILABLE", "7"),
  "504": page(504),
  reset: undefined,
  cut: undefined,
  stall: undefined
}

const answers = Faults.kinds.flatMap((kind) => {
  const check = shown[kind]
  return check === undefined ? [] : [[kind, check] as const]
})

describe("Faults", () => {
  it.each(answers)("%s is shown once, and leaves no mark", (kind, check) =>
    run({ accounts: 3 }, ({ post, query }) =>
      Effect.gen(function* () {
        assert.equal((yield* post("/__fault", { match: "/query", kind, retryAfter: 7 })).status, 200)
        check(yield* query(soql))
        assert.equal((yield* query(soql)).json.records.length, 3)
      })
    )
  )

  it.each(["reset", "cut"] as const)("%s breaks the connection", (kind) =>
    run({ accounts: 3 }, ({ query, simulator }) =>
      Effect.gen(function* () {
        yield* simulator.control.fault({ match: "/query", kind })
        assert.ok(Exit.isFailure(yield* Effect.exit(query(soql))))
        assert.equal((yield* query(soql)).json.records.length, 3)
      })
    )
  )

  it("stall sends half, and then nothing", () =>
    run({ accounts: 3 }, ({ call, simulator }) =>
      Effect.gen(function* () {
        yield* simulator.control.fault({ match: "/query", kind: "stall" })
        const response = yield* Effect.promise(() =>
          fetch(`${simulator.url}${base}/query?q=${encodeURIComponent(soql)}`, {
            headers: { authorization: `Bearer ${simulator.token}` }
          })
        )
        const reader = response.body!.getReader()
        const { value } = yield* Effect.promise(() => reader.read())
        assert.ok(value !== undefined && value.length < Number(response.headers.get("content-length")))
        yield* Effect.promise(() => reader.cancel())
        assert.equal((yield* call(base)).status, 200)
      })
    ))

  it("a session that a fault ended stays ended, and pages it took stay gone", () =>
    run({ accounts: 500 }, ({ call, post, query, simulator }) =>
      Effect.gen(function* () {
        const next = Effect.map(query(soql, "query", 200), ({ json }) => json.nextRecordsUrl)
        const address = yield* next
        yield* post("/__fault", { match: "/query", kind: "expireLocators" })
        const lost = yield* call(address)
        assert.deepEqual([lost.status, lost.json[0]?.errorCode], [400, "INVALID_QUERY_LOCATOR"])
        assert.equal((yield* call(address)).status, 400)
        assert.equal((yield* call(yield* next)).status, 200)
        yield* post("/__fault", { match: "", kind: "expireToken" })
        assert.equal((yield* query(soql)).status, 401)
        assert.equal((yield* query(soql)).json[0]?.errorCode, "INVALID_SESSION_ID")
        yield* post("/__fault", { match: "/oauth2/token", kind: "invalidClient" })
        const body = `grant_type=refresh_token&client_id=c&refresh_token=${simulator.refreshToken}`
        const renewed = Effect.map(call("/services/oauth2/token", { method: "POST", body }), ({ json }) => json)
        assert.equal((yield* renewed).error, "invalid_client")
        assert.equal(typeof (yield* renewed).access_token, "string")
      })
    ))

  it("a fault waits for the requests it matches, and counts how often it was met", () =>
    run({ accounts: 3 }, ({ call, post, query }) =>
      Effect.gen(function* () {
        yield* post("/__fault", { match: "/query", nth: 2, times: 2, kind: "500" })
        const statuses: Array<number> = []
        for (const _ of [1, 2, 3, 4]) {
          statuses.push((yield* query(soql)).status)
          assert.equal((yield* call(`${base}/limits`)).status, 200)
        }
        assert.deepEqual(statuses, [200, 500, 500, 200])
        const { faults } = (yield* call("/__fault")).json
        assert.deepEqual(faults, [{ match: "/query", nth: 2, times: 2, kind: "500", seen: 4, fired: 2 }])
        const { requests } = (yield* call("/__requests")).json
        assert.equal(requests.filter(({ fault }) => fault === "500").length, 2)
        yield* call("/__fault", { method: "DELETE" })
        assert.deepEqual((yield* call("/__fault")).json.faults, [])
        assert.deepEqual((yield* call("/__state")).json.faults, { "500": 2 })
        for (const body of [
          { match: "", kind: "unheard-of" },
          { match: "", kind: "429", every: 0 },
          { match: "", kind: "429", retryAfter: "1\r\nSet-Cookie: a" }
        ]) {
          assert.equal((yield* post("/__fault", body)).status, 400)
        }
      })
    ))

  it("a fault known by its name comes with the third request and one of ten, and waits for another's turn", () =>
    run({ accounts: 3, faults: ["429Absurd", "noAccess"] }, ({ call, query }) =>
      Effect.gen(function* () {
        const met: Array<unknown> = []
        for (let request = 1; request <= 25; request++) {
          const { headers, json, status } = yield* query(soql)
          if (status !== 200) met.push([request, json[0]?.errorCode, headers.get("retry-after")])
        }
        assert.deepEqual(met, [
          [3, "REQUEST_LIMIT_EXCEEDED", "soon"],
          [4, "INSUFFICIENT_ACCESS", null],
          [13, "REQUEST_LIMIT_EXCEEDED", "31536000000"],
          [14, "INSUFFICIENT_ACCESS", null],
          [23, "REQUEST_LIMIT_EXCEEDED", "soon"],
          [24, "INSUFFICIENT_ACCESS", null]
        ])
        assert.deepEqual((yield* call("/__state")).json.faults, { "429Absurd": 3, noAccess: 3 })
      })
    ))

  it("a calm org plans no fault, and remembers those it met", () =>
    run({ accounts: 3, faults: ["500"] }, ({ query, simulator: { control } }) =>
      Effect.gen(function* () {
        for (const status of [200, 200, 500]) assert.equal((yield* query(soql)).status, status)
        yield* control.calm
        for (let request = 0; request < 12; request++) assert.equal((yield* query(soql)).status, 200)
        assert.deepEqual([yield* control.faults, (yield* control.state).faults], [[], { "500": 1 }])
      })
    ))

  it("a text for Retry-After is sent as it is", () =>
    run({ accounts: 3 }, ({ post, query }) =>
      Effect.gen(function* () {
        yield* post("/__fault", { match: "/query", kind: "503", retryAfter: "-1" })
        refusal(503, "SERVER_UNAVAILABLE", "-1")(yield* query(soql))
      })
    ))

  it("every kind has its line in the README", () => {
    const readme = fs.readFileSync(path.join(import.meta.dirname, "../../src/simulator/README.md"), "utf8")
    for (const kind of Faults.kinds) assert.ok(readme.includes(`| \`${kind}\``), kind)
    assert.equal(readme.match(/^\| `\w+` +\| .* \| .* \| .* \|$/gm)?.length, Faults.kinds.length)
  })
})
