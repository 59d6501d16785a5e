/**
 * A small org on loopback: one object, pages of 2000, and faults to order.
 */
import * as http from "node:http"
import type { AddressInfo } from "node:net"

export interface Org {
  readonly url: string
  readonly rows: Array<Record<string, unknown>>
  /** What the next page after the first answers, instead of the page. */
  fault: "html" | "repeat" | "silence" | undefined
  id: string
  readonly close: () => Promise<void>
}

const field = (name: string, type: string, nillable = true) => ({
  name,
  type,
  label: name,
  nillable,
  filterable: true,
  sortable: true,
  calculated: false,
  length: 255
})

const describe = {
  name: "Account",
  label: "Account",
  queryable: true,
  replicateable: false,
  undeletable: true,
  fields: [
    field("Id", "id", false),
    field("Name", "string"),
    field("AnnualRevenue", "currency"),
    field("IsDeleted", "boolean", false),
    field("SystemModstamp", "datetime", false)
  ]
}

const stamp = (at: number) => new Date(at).toISOString().replace("Z", "+0000")

export const account = (index: number, at: number) => ({
  Id: `001${String(index).padStart(12, "0")}`,
  Name: `Account ${index}`,
  AnnualRevenue: index % 3 === 0 ? null : index / 4,
  IsDeleted: false,
  SystemModstamp: stamp(at)
})

export const start = async (count: number): Promise<Org> => {
  const rows = Array.from({ length: count }, (_, index) =>
    account(index, Date.UTC(2026, 4, 1) + Math.floor(index / 5) * 1000)
  ) as Array<Record<string, unknown>>
  const locators = new Map<string, readonly [list: ReadonlyArray<Record<string, unknown>>, from: number]>()
  const server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://org")
    const send = (status: number, body: unknown) => {
      response.writeHead(status, { "content-type": "application/json" })
      response.end(typeof body === "string" ? body : JSON.stringify(body))
    }
    const page = (list: ReadonlyArray<Record<string, unknown>>, from: number, locator: string) => {
      const isLast = from + 2000 >= list.length
      if (!isLast) locators.set(locator, [list, from + 2000])
      const next = isLast ? {} : { nextRecordsUrl: `/services/data/v66.0/query/${locator}` }
      send(200, { totalSize: list.length, done: isLast, records: list.slice(from, from + 2000), ...next })
    }
    if (pathname === "/services/data") return send(200, [{ version: "66.0" }])
    if (request.headers.authorization !== "Bearer good") {
      return send(401, [{ message: "Session expired or invalid", errorCode: "INVALID_SESSION_ID" }])
    }
    if (pathname.endsWith("/sobjects/Account/describe")) return send(200, describe)
    if (pathname.endsWith("/sobjects")) {
      return send(200, { sobjects: [{ name: "Account", queryable: true, replicateable: false, undeletable: true }] })
    }
    const locator = /\/query\/([^/]+)$/.exec(pathname)?.[1]
    if (locator !== undefined) {
      if (org.fault === "silence") return
      if (org.fault === "html") return send(200, "<html>maintenance</html>")
      const [list, from] = locators.get(locator)!
      return page(list, from, org.fault === "repeat" ? locator : `${locator}x`)
    }
    const soql = searchParams.get("q")
    if (soql?.endsWith("FROM Organization") === true) {
      return send(200, { totalSize: 1, done: true, records: [{ Id: org.id }] })
    }
    if (soql?.includes("FROM Account") === true) {
      const from = /SystemModstamp >=? ([^ )]+)/.exec(soql)?.[1]
      const list = rows.filter(
        (row) => from === undefined || Date.parse(String(row["SystemModstamp"])) >= Date.parse(from)
      )
      return page(list, 0, `0r8${locators.size}`)
    }
    return send(404, [{ message: "The requested resource does not exist", errorCode: "NOT_FOUND" }])
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const org: Org = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    rows,
    fault: undefined,
    id: "00D000000000001",
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
  return org
}
