/**
 * The client against a server that misbehaves: an answer is what was asked for,
 * or an error with a reason and a remedy; never an empty page.
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import assert from "node:assert/strict"
import { describe, it } from "vitest"
import * as Credentials from "../src/Credentials.ts"
import * as SalesforceClient from "../src/SalesforceClient.ts"
import { bearer, client, limits, run, serve, serverTime, type Answered, type Asked } from "./support/Script.ts"

const now = Date.parse(serverTime)
const soql = "SELECT Id FROM Account"
const first = "/services/data/v66.0/query?q=SELECT%20Id%20FROM%20Account"

const page = (ids: ReadonlyArray<string>, nextRecordsUrl?: string): Answered => ({
  body: {
    totalSize: 3,
    done: nextRecordsUrl === undefined,
    records: ids.map((Id) => ({ attributes: { type: "Account" }, Id })),
    ...(nextRecordsUrl === undefined ? {} : { nextRecordsUrl })
  }
})

const rest = (status: number, errorCode: string, headers: { readonly [name: string]: string } = {}): Answered => ({
  status,
  headers,
  body: [{ message: "said so", errorCode }]
})

type Client = SalesforceClient.SalesforceClient["Service"]

/** Runs a call against a script and gives what it failed with. */
const failure = (
  answer: (asked: Asked) => Answered | Promise<Answered>,
  call: (client: Client) => Effect.Effect<unknown, ChangeSource.SourceError> = (client) => client.query(soql),
  options: Partial<SalesforceClient.Options> = {}
) =>
  run(
    Effect.gen(function* () {
      const made = yield* client(answer, options)
      return { error: yield* Effect.flip(call(made.client)), asked: made.script.asked }
    })
  )

const rows = (client: Client, options = {}) =>
  Stream.runCollect(
    Stream.flatMap(client.pages(soql, options), (page) => Stream.fromIterable(page.rows.map((row) => row["Id"])))
  )

describe("SalesforceClient pages", () => {
  it("follows the pages in order, short and empty ones too, and ends only where the server says so", () =>
    run(
      Effect.gen(function* () {
        const more = "/services/data/v66.0/query/0r8-"
        const { client: salesforce, script } = yield* client(
          ({ index }) => [page(["a", "b"], `${more}2`), page([], `${more}3`), page(["c"])][index]!
        )
        assert.deepEqual(yield* rows(salesforce), ["a", "b", "c"])
        assert.deepEqual(
          script.asked.map(({ url }) => url),
          [first, `${more}2`, `${more}3`]
        )
        assert.ok(script.asked.every(({ token }) => token === "00D000000000001!secret.session"))
      })
    ))

  it("tells the server's time with every page", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce } = yield* client(() => page(["a"]))
        assert.equal((yield* salesforce.query(soql)).serverTime, now)
      })
    ))

  it("asks for deleted records and for a size of pages when told to", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce, script } = yield* client(() => page([]))
        yield* rows(salesforce, { deleted: true, pageSize: 200 })
        assert.match(script.asked[0]!.url, /\/queryAll\?/)
        assert.equal(script.asked[0]!.headers["sforce-query-options"], "batchSize=200")
      })
    ))

  const bad: { readonly [what: string]: Answered } = {
    "a web page": { body: "<html><title>Sign in</title></html>" },
    "half a JSON text": { body: '{"totalSize":1,"done":true,"records":[{"Id":"0' },
    "an object without records": { body: { error: "rate_limited" } },
    "an object without done": { body: { records: [] } },
    "null records": { body: { done: true, records: null } },
    "a record that is no object": { body: { done: true, records: ["a"] } },
    "a page that is not the last and names no next": { body: { done: false, records: [] } },
    "a last page that names a next": {
      body: { done: true, records: [], nextRecordsUrl: "/services/data/v66.0/query/x" }
    },
    "an empty body": { body: "" },
    "a list": { body: [] },
    "a page without the server's time": { ...page([]), headers: { date: "yesterday" } }
  }
  for (const [what, answered] of Object.entries(bad)) {
    it(`a success with ${what} is malformed, and never an empty page`, async () => {
      const { asked, error } = await failure(() => answered)
      assert.equal(error.reason, "Malformed")
      assert.equal(asked.length, 1)
    })
  }

  const elsewhere = [
    "https://evil.example/services/data/v66.0/query/x",
    "//evil.example/services/data/v66.0/query/x",
    "\\\\evil.example\\services\\data\\x",
    "http://127.0.0.1:1/services/data/v66.0/query/x",
    "/services/oauth2/token",
    "/services/data/../oauth2/token",
    "/services/data/%2e%2e/oauth2/token",
    "https://"
  ]
  for (const next of elsewhere) {
    it(`${next} is not followed`, async () => {
      const { asked, error } = await failure(({ index }) => (index === 0 ? page(["a"], next) : page([])), rows)
      assert.equal(error.reason, "Malformed")
      assert.equal(asked.length, 1)
    })
  }

  it("an absolute address on the same host is followed", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce } = yield* client((asked) =>
          asked.index === 0 ? page(["a"], `http://${asked.headers.host}/services/data/v66.0/query/x`) : page(["b"])
        )
        assert.deepEqual(yield* rows(salesforce), ["a", "b"])
      })
    ))

  it("a page that names itself as the next does not advance", async () => {
    const { asked, error } = await failure(() => page(["a"], "/services/data/v66.0/query/x"), rows)
    assert.equal(error.reason, "NotAdvancing")
    assert.equal(asked.length, 2)
  })

  it("pages that lead back to an earlier one do not advance", async () => {
    const { error } = await failure(({ index }) => page([], `/services/data/v66.0/query/${index % 3}`), rows)
    assert.equal(error.reason, "NotAdvancing")
  })

  it("pages without end are bounded", async () => {
    const answer = ({ index }: Asked) => page([], `/services/data/v66.0/query/${index}`)
    const { asked, error } = await failure(answer, rows, { limits: { ...limits, pages: 5 } })
    assert.equal(error.reason, "NotAdvancing")
    assert.equal(asked.length, 5)
  })
})

describe("SalesforceClient failures", () => {
  it("a failure of a moment is repeated until it succeeds", () =>
    run(
      Effect.gen(function* () {
        const statuses = [503, 420, 502]
        const { client: salesforce, script } = yield* client(({ index }) =>
          index < 3 ? { status: statuses[index]!, body: "<h1>busy</h1>" } : page(["a"])
        )
        assert.equal((yield* salesforce.query(soql)).rows.length, 1)
        assert.equal(script.asked.length, 4)
      })
    ))

  it("repetitions are bounded", async () => {
    const { asked, error } = await failure(() => rest(503, "SERVER_UNAVAILABLE"))
    assert.equal(error.reason, "Unavailable")
    assert.equal(asked.length, 1 + limits.retries)
  })

  it("a connection cut inside the body is repeated, and half a page is never taken", () =>
    run(
      Effect.gen(function* () {
        const { client: salesforce, script } = yield* client(({ index }) => ({
          ...page(["a", "b"]),
          ...(index === 0 ? { cutAfter: 40 } : {})
        }))
        assert.deepEqual(yield* rows(salesforce), ["a", "b"])
        assert.equal(script.asked.length, 2)
      })
    ))

  for (const [status, code] of [
    [400, "MALFORMED_QUERY"],
    [403, "REQUEST_LIMIT_EXCEEDED"],
    [403, "API_DISABLED_FOR_ORG"],
    [400, "INVALID_QUERY_LOCATOR"]
  ] as const) {
    it(`${code} is not repeated`, async () => {
      const { asked } = await failure(() => rest(status, code))
      assert.equal(asked.length, 1)
    })
  }

  it("a wait longer than the longest delay ends the read at once and says how long", async () => {
    const { asked, error } = await failure(() => rest(429, "", { "retry-after": "3600" }))
    assert.equal(error.reason, "RateLimited")
    assert.equal(error.retryAfter, 3_600_000)
    assert.equal(asked.length, 1)
  })

  it("a wait given as a date counts from the server's own time", async () => {
    const until = new Date(now + 90_000).toUTCString()
    const { error } = await failure(() => rest(429, "", { "retry-after": until }))
    assert.equal(error.retryAfter, 90_000)
  })

  it("a wait that makes no sense is ignored", async () => {
    for (const wait of ["soon", "-5", "99999999999999999999", "1e3"]) {
      const { asked, error } = await failure(() => rest(429, "", { "retry-after": wait }))
      assert.equal(error.retryAfter, undefined)
      assert.equal(asked.length, 1 + limits.retries)
    }
  })

  it("an answer that is too long is refused, however it is sent", async () => {
    const { error } = await failure(
      () => ({ body: "x".repeat(100_000) }),
      (client) => client.query(soql),
      { limits: { ...limits, body: 50_000 } }
    )
    assert.equal(error.reason, "Malformed")
    assert.match(error.message, /50000 bytes/)
  })

  it("a server that answers nothing is given up in time", async () => {
    const never = new Promise<Answered>(() => {})
    const { error } = await failure(
      () => never,
      (client) => client.query(soql),
      { timeouts: { request: "20 millis" }, limits: { ...limits, retries: 0 } }
    )
    assert.equal(error.reason, "Unavailable")
    assert.match(error.message, /timed out/)
  })

  it("a refused connection names the host and what to check", () =>
    run(
      Effect.gen(function* () {
        const { url } = yield* Effect.scoped(serve(() => ({})))
        const salesforce = yield* SalesforceClient.make({ url, credentials: bearer, limits })
        const error = yield* Effect.flip(salesforce.query(soql))
        assert.equal(error.reason, "Unavailable")
        assert.match(error.message, /127\.0\.0\.1.*ECONNREFUSED.*check host and port/)
      })
    ))

  for (const url of [
    "",
    "my.salesforce.com",
    "http://my.salesforce.com",
    "ftp://my.salesforce.com",
    "https://my.salesforce.com/services/data",
    "https://user:password@my.salesforce.com"
  ]) {
    it(`${url === "" ? "no address" : url} is refused before anything is sent`, () =>
      run(
        Effect.gen(function* () {
          const error = yield* Effect.flip(SalesforceClient.make({ url, credentials: bearer }))
          assert.equal(error.reason, "Invalid")
          assert.doesNotMatch(error.message, /password@/)
        })
      ))
  }

  it("no error shows the token, nor carries it inside", async () => {
    for (const answered of [
      rest(500, "00D000000000001!secret.session"),
      { status: 400, body: "secret.session 00D000000000001!secret.session" },
      { cutAfter: 5, body: "{}xxxxxxx" }
    ]) {
      const { error } = await failure(() => answered)
      const shown = [error.message, JSON.stringify(error), String(error), JSON.stringify(error.cause)].join()
      assert.doesNotMatch(shown, /!secret\.session/)
    }
  })
})

describe("SalesforceClient calls", () => {
  const answers = (body: object) => (call: (client: Client) => Effect.Effect<unknown, ChangeSource.SourceError>) =>
    run(
      Effect.gen(function* () {
        const made = yield* client(() => ({ body }))
        return { value: yield* call(made.client), url: made.script.asked[0]!.url, token: made.script.asked[0]!.token }
      })
    )

  it("the organization's id has 18 characters", async () => {
    const body = { done: true, records: [{ Id: "00D000000000001" }] }
    const { value } = await answers(body)((client) => client.organization)
    assert.deepEqual(value, { value: "00D000000000001EAA", serverTime: now })
  })

  it("an answer that does not name one organization is malformed", async () => {
    for (const records of [[], [{ Id: 1 }], [{ Id: "x" }], [{ Id: "00D000000000001" }, { Id: "00D000000000002" }]]) {
      const { error } = await failure(
        () => ({ body: { done: true, records } }),
        (client) => client.organization
      )
      assert.equal(error.reason, "Malformed")
    }
  })

  it("the server's time is asked for without a token", async () => {
    const { token, url, value } = await answers([{ label: "Spring '26", url: "/x", version: "66.0" }])(
      (client) => client.time
    )
    assert.equal(value, now)
    assert.equal(url, "/services/data")
    assert.equal(token, undefined)
  })

  const flags = { queryable: true, replicateable: false, undeletable: true }
  it("objects are described", async () => {
    const { url } = await answers({ name: "Account", ...flags, fields: [] })((client) => client.describe("Account"))
    assert.equal(url, "/services/data/v66.0/sobjects/Account/describe")
    const global = await answers({ sobjects: [{ name: "Account", ...flags }] })((client) => client.describeGlobal)
    assert.equal(global.url, "/services/data/v66.0/sobjects")
  })

  it("deletions are listed in canonical form, for a window in whole seconds", async () => {
    const body = {
      deletedRecords: [{ id: "001A0000006Vm9r", deletedDate: "2026-05-01T07:25:37.000+0000" }],
      earliestDateAvailable: "2026-04-01T00:00:00.000+0000",
      latestDateCovered: "2026-05-01T07:59:00.000+0000"
    }
    const { url, value } = await answers(body)((client) =>
      client.deleted("Account", { start: now - 3_600_000.5, end: now + 999 })
    )
    const base = "/services/data/v66.0/sobjects/Account/deleted/"
    assert.equal(url, `${base}?start=2026-05-01T06%3A59%3A59%2B00%3A00&end=2026-05-01T08%3A00%3A00%2B00%3A00`)
    assert.deepEqual(value, {
      serverTime: now,
      value: {
        records: [{ id: "001A0000006Vm9rIAC", deletedAt: "2026-05-01T07:25:37.000Z" }],
        earliestDateAvailable: "2026-04-01T00:00:00.000Z",
        latestDateCovered: "2026-05-01T07:59:00.000Z"
      }
    })
  })

  it("updates are listed", async () => {
    const body = { ids: ["001A0000006Vm9r"], latestDateCovered: "2026-05-01T07:59:00.000+0000" }
    const { value } = await answers(body)((client) => client.updated("Account", { start: now - 120_000, end: now }))
    assert.deepEqual(value, {
      serverTime: now,
      value: { ids: ["001A0000006Vm9rIAC"], latestDateCovered: "2026-05-01T07:59:00.000Z" }
    })
  })

  const calls: { readonly [what: string]: (client: Client) => Effect.Effect<unknown, ChangeSource.SourceError> } = {
    "an object whose name is a path": (client) => client.describe("Account/../../x"),
    "an object without a name": (client) => client.describe(""),
    "a window of a minute": (client) => client.deleted("Account", { start: now - 60_000, end: now }),
    "a window that ends before it begins": (client) => client.updated("Account", { start: now, end: now - 120_000 }),
    "a page of one row": (client) => client.query(soql, { pageSize: 1 }),
    "a query that is too long for an address": (client) =>
      client.query(`SELECT ${"Name, ".repeat(3000)}Id FROM Account`),
    "a query with half a character": (client) => client.query("SELECT \ud800")
  }
  for (const [what, call] of Object.entries(calls)) {
    it(`${what} is refused before anything is sent`, async () => {
      const { asked, error } = await failure(() => ({}), call)
      assert.equal(error.reason, "Invalid")
      assert.equal(asked.length, 0)
    })
  }

  it("a version of another form is refused", () =>
    run(
      Effect.gen(function* () {
        const options = { url: "https://x.my.salesforce.com", credentials: Credentials.bearer(Redacted.make("t")) }
        for (const apiVersion of ["v66.0", "66", "66.0/../.."]) {
          assert.equal((yield* Effect.flip(SalesforceClient.make({ ...options, apiVersion }))).reason, "Invalid")
        }
      })
    ))
})
