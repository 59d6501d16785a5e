/**
 * A small org in memory behind the client's interface, for properties that need
 * many runs. It understands the few queries the source asks, orders Ids as no
 * JavaScript string comparison does, answers pages of any size from snapshots, and
 * shows late commits late.
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Pagination from "@tidemark/core/ports/Pagination"
import * as Effect from "effect/Effect"
import type * as Answer from "../../src/Answer.ts"
import type * as Canonical from "../../src/Canonical.ts"
import type * as Describe from "../../src/Describe.ts"
import type * as SalesforceClient from "../../src/SalesforceClient.ts"
import * as SalesforceError from "../../src/SalesforceError.ts"
import * as Stamp from "../../src/Stamp.ts"

export interface Version {
  readonly id: string
  /** Seconds since `start`, of the stamp. */
  readonly stamp: number
  /** Seconds since `start` at which the transaction commits; not before `stamp`. */
  readonly visible: number
  readonly name: unknown
  readonly deleted?: boolean
  readonly master?: string
}

export const start = Stamp.toMillis("2026-05-01T00:00:00.000Z")
export const stampAt = (second: number): string => Stamp.fromMillis(start + second * 1000)!

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
/** The server's own order of Ids: digits, small letters, capitals. */
export const compareIds = (a: string, b: string): number => {
  for (let at = 0; at < 15; at++) {
    const difference = alphabet.indexOf(a[at]!) - alphabet.indexOf(b[at]!)
    if (difference !== 0) return difference
  }
  return 0
}

export const account: Describe.Describe = {
  name: "Account",
  queryable: true,
  replicateable: true,
  undeletable: true,
  fields: [
    { name: "Id", type: "id", nillable: false },
    { name: "Name", type: "string" },
    { name: "IsDeleted", type: "boolean", nillable: false },
    { name: "MasterRecordId", type: "reference" },
    { name: "BillingAddress", type: "address" },
    { name: "SystemModstamp", type: "datetime", nillable: false }
  ]
}

/** An object of so many fields more, each of which tells the name of the version that was read. */
export const wide = (fields: number): Describe.Describe => ({
  ...account,
  fields: [
    ...account.fields,
    ...Array.from({ length: fields }, (_, index) => ({ name: `Field_${index}__c`, type: "string" }))
  ]
})

export interface FakeOrg {
  readonly client: SalesforceClient.SalesforceClient["Service"]
  /** Seconds since `start`. */
  now: number
  readonly versions: Array<Version>
  /** Sizes of pages, in turn. Not empty. */
  pageSizes: ReadonlyArray<number>
  /** Runs before each page but the first of a query. */
  onMore: () => void
  /** Runs before each query that names Ids. */
  onById: () => void
  /** As it is described. */
  object: Describe.Describe
  /** All locators given so far are forgotten. */
  readonly expire: () => void
  readonly queries: Array<string>
  /** Deletions as `getDeleted` lists them, and how far it is complete. */
  deletions: Array<{ readonly id: string; readonly second: number }>
  covered: () => number
  readonly windows: Array<readonly [start: number, end: number]>
}

const row = (object: Describe.Describe, version: Version): Canonical.Row => ({
  attributes: { type: "Account" },
  Id: version.id,
  IsDeleted: version.deleted ?? false,
  MasterRecordId: version.master ?? null,
  SystemModstamp: stampAt(version.stamp).replace("Z", "+0000"),
  ...Object.fromEntries(
    object.fields.flatMap(({ name }) => (name === "Name" || name.endsWith("__c") ? [[name, version.name]] : []))
  )
})

const pick = (row: Canonical.Row, soql: string): Canonical.Row =>
  Object.fromEntries(
    /^SELECT (.*) FROM/
      .exec(soql)![1]!
      .split(", ")
      .map((name) => [name, row[name]])
  )

/** The newest visible version of each record. */
export const visible = (org: Pick<FakeOrg, "now" | "versions">): Array<Version> => {
  const latest = new Map<string, Version>()
  for (const version of org.versions) if (version.visible <= org.now) latest.set(version.id, version)
  return [...latest.values()]
}

const keyset = / WHERE \(SystemModstamp > (\S+) OR \(SystemModstamp = \1 AND Id > '(\w+)'\)\) ORDER/
const since = / WHERE SystemModstamp >= (\S+) ORDER/
const byId = /(?: WHERE Id > '(\w+)')? ORDER BY Id ASC LIMIT (\d+)$/
const among = / WHERE Id IN \(([^)]*)\)$/

const select = (org: FakeOrg, soql: string, deleted: boolean): Array<Version> => {
  const all = visible(org).filter((version) => deleted || version.deleted !== true)
  const ids = among.exec(soql)
  if (ids !== null) return all.filter(({ id }) => ids[1]!.includes(`'${id}'`))
  const walk = byId.exec(soql)
  if (walk !== null) {
    return all
      .filter((version) => walk[1] === undefined || compareIds(version.id, walk[1]) > 0)
      .toSorted((a, b) => compareIds(a.id, b.id))
      .slice(0, Number(walk[2]))
  }
  const [, at, id] = keyset.exec(soql) ?? []
  const [, from] = since.exec(soql) ?? []
  return all
    .filter(
      (version) =>
        (from === undefined || stampAt(version.stamp) >= from) &&
        (at === undefined ||
          stampAt(version.stamp) > at ||
          (stampAt(version.stamp) === at && compareIds(version.id, id!) > 0))
    )
    .toSorted((a, b) => a.stamp - b.stamp || compareIds(a.id, b.id))
}

const locatorGone = SalesforceError.fromAnswer({
  source: "salesforce",
  status: 400,
  body: '[{"errorCode":"INVALID_QUERY_LOCATOR","message":"invalid query locator"}]'
})

export const make = (versions: ReadonlyArray<Version> = []): FakeOrg => {
  const snapshots = new Map<string, ReadonlyArray<Canonical.Row>>()
  let locators = 0
  let sizes = 0
  const time = () => start + Math.floor(org.now) * 1000
  const page = (rows: ReadonlyArray<Canonical.Row>): Answer.QueryPage => {
    const size = org.pageSizes[sizes++ % org.pageSizes.length]!
    const rest = rows.slice(size)
    const next = rest.length === 0 ? undefined : `/services/data/v66.0/query/${locators++}`
    if (next !== undefined) snapshots.set(next, rest)
    return { rows: rows.slice(0, size), next, serverTime: time() }
  }
  const query = (deleted: boolean) => (soql: string) =>
    Effect.sync(() => {
      if (among.test(soql)) org.onById()
      org.queries.push(soql)
      return page(select(org, soql, deleted).map((version) => pick(row(org.object, version), soql)))
    })
  const queryMore = (next: string): Effect.Effect<Answer.QueryPage, ChangeSource.SourceError> =>
    Effect.suspend(() => {
      org.onMore()
      const rows = snapshots.get(next)
      return rows === undefined ? Effect.fail(locatorGone) : Effect.succeed(page(rows))
    })
  const client: SalesforceClient.SalesforceClient["Service"] = {
    time: Effect.sync(time),
    organization: Effect.sync(() => ({ value: "00D000000000001EAA", serverTime: time() })),
    describe: () => Effect.sync(() => ({ value: org.object, serverTime: time() })),
    describeGlobal: Effect.sync(() => ({ value: { sobjects: [org.object] }, serverTime: time() })),
    query: query(false),
    queryAll: query(true),
    queryMore,
    pages: (soql, asked) =>
      Pagination.stream({
        source: "fake",
        ask: (next) =>
          Effect.map(next === undefined ? query(asked?.deleted === true)(soql) : queryMore(next), (page) => ({
            page,
            next: page.next
          }))
      }),
    deleted: (_, window) =>
      Effect.sync(() => {
        org.windows.push([window.start, window.end])
        const records = org.deletions
          .filter(({ second }) => start + second * 1000 >= window.start && start + second * 1000 < window.end)
          .map(({ id, second }) => ({ id, deletedAt: stampAt(second) }))
        const latestDateCovered = stampAt(Math.min(Math.floor((window.end - start) / 1000), org.covered()))
        return { value: { records, earliestDateAvailable: stampAt(0), latestDateCovered }, serverTime: time() }
      }),
    updated: () => Effect.die("the source does not ask for updates"),
    limits: Effect.die("the source does not ask for limits")
  }
  const org: FakeOrg = {
    client,
    now: 0,
    versions: [...versions],
    pageSizes: [2000],
    onMore: () => {},
    onById: () => {},
    object: account,
    expire: () => snapshots.clear(),
    queries: [],
    deletions: [],
    covered: () => org.now,
    windows: []
  }
  return org
}
