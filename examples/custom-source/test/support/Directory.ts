/**
 * The API that the example reads, on loopback: it stamps contacts by a clock of its
 * own, lists them page by page, and may show a change later than it was stamped.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type { Driver } from "@tidemark/laws/source/Driver"
import { Effect, Redacted } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import type { Contact } from "../../src/ContactSource.ts"

interface Row {
  readonly id: string
  readonly modified: number
  /** `null` when it was deleted. */
  readonly contact: unknown
  readonly visibleAt: number
}

export interface Directory {
  readonly url: string
  readonly token: Redacted.Redacted
  readonly upstream: Driver<Contact>
  /** Puts what is no contact. */
  readonly spoil: (id: string) => void
  /** All that follows is answered so. */
  readonly answer: (response: HttpServerResponse.HttpServerResponse) => void
}

/** Lives as long as its scope. */
export const make = Effect.gen(function* () {
  const server = yield* NodeHttpServer.make(createServer, { port: 0, host: "127.0.0.1" })
  const rows: Array<Row> = []
  let now = 1_700_000_000_000
  let fixed: HttpServerResponse.HttpServerResponse | undefined
  const write = (id: string, contact: unknown, lateBy = 0): void => {
    rows.push({ id, modified: now, contact, visibleAt: now + lateBy })
  }
  /** The newest state of each contact that a reader sees, in the order of the list. */
  const visible = (): ReadonlyArray<Row> =>
    [...new Map(rows.filter(({ visibleAt }) => visibleAt <= now).map((row) => [row.id, row])).values()].toSorted(
      (a, b) => a.modified - b.modified || (a.id < b.id ? -1 : 1)
    )
  const app = Effect.map(HttpServerRequest.HttpServerRequest, ({ headers, url }) => {
    const { pathname, searchParams } = new URL(url, "http://directory")
    if (fixed !== undefined) return fixed
    if (headers["authorization"] !== `Bearer ${secret}`) return HttpServerResponse.empty({ status: 401 })
    return HttpServerResponse.jsonUnsafe(
      pathname === "/me" ? { account: "acme" } : { now, ...list(visible(), searchParams) }
    )
  })
  yield* server.serve(app)
  const directory: Directory = {
    url: HttpServer.formatAddress(server.address),
    token: Redacted.make(secret),
    spoil: (id) => write(id, { name: 7 }),
    answer: (response) => {
      fixed = response
    },
    upstream: {
      put: (name, contact, lateBy) => Effect.sync(() => write(name, contact, lateBy)),
      remove: (name) => Effect.sync(() => write(name, null)),
      pass: (millis) =>
        Effect.sync(() => {
          now += millis
        }),
      now: Effect.sync(() => now),
      visible: Effect.sync(
        () =>
          new Map(visible().flatMap(({ contact, id }) => (contact === null ? [] : [[id, contact as Contact] as const])))
      )
    }
  }
  return directory
})

const secret = "a-token"

const list = (rows: ReadonlyArray<Row>, params: URLSearchParams) => {
  const ids = params.get("ids")?.split(",")
  const [modified, id] = (params.get("after") ?? "").split(",")
  const isAfter = (row: Row): boolean =>
    !modified ||
    row.modified > Number(modified) ||
    (row.modified === Number(modified) && id !== undefined && row.id > id)
  const wanted = rows.filter((row) => (ids === undefined ? isAfter(row) : ids.includes(row.id)))
  const page = wanted.slice(0, Number(params.get("limit") ?? wanted.length))
  return {
    contacts: page.map(({ contact, id, modified }) => ({ id, modified, contact })),
    more: page.length < wanted.length
  }
}
