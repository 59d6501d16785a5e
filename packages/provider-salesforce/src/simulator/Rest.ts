/**
 * The REST API below `/services/data/vXX.0` (REST API guide, "Reference").
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Catalog from "./Catalog.ts"
import * as Locators from "./Locators.ts"
import * as Message from "./Message.ts"
import type * as Org from "./Org.ts"
import * as Query from "./Query.ts"
import * as Refusal from "./Refusal.ts"
import * as Replication from "./Replication.ts"
import * as Sobjects from "./Sobjects.ts"
import * as Store from "./Store.ts"
import * as Usage from "./Usage.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// versions
// -----------------------------------------------------------------------------

/** The oldest version served, and the newest. @category constants @since 0.1.0 */
export const versions = { first: 31, last: 66 } as const

/** What `/services/data` shows to anybody. @category answers @since 0.1.0 */
export const versionList = (): ReadonlyArray<object> =>
  Array.from({ length: versions.last - versions.first + 1 }, (_, index) => {
    // Three releases a year; version 66 is that of spring 2026.
    const releases = versions.first + index - versions.last + 3 * 26
    const season = ["Spring", "Summer", "Winter"][releases % 3]
    const year = Math.floor(releases / 3) + (season === "Winter" ? 1 : 0)
    const version = `${versions.first + index}.0`
    return { label: `${season} '${String(year).padStart(2, "0")}`, url: `/services/data/v${version}`, version }
  })

/** Whether a part of a path, such as `v66.0`, names a version. @category guards @since 0.1.0 */
export const isVersion = (part: string): boolean => {
  const number = Number(/^v(\d{2})\.0$/.exec(part)?.[1])
  return number >= versions.first && number <= versions.last
}

// -----------------------------------------------------------------------------
// handling
// -----------------------------------------------------------------------------

/**
 * Answers a request that has a session and a version. `rest` are the parts of
 * its path after the version.
 *
 * @category handling
 * @since 0.1.0
 */
export const handle = (
  org: Org.Org,
  request: Message.Request,
  base: string,
  rest: ReadonlyArray<string>
): Message.Answered => {
  const [resource = "", ...more] = rest
  if (resource === "sobjects" && more.length > 0) return sobject(org, request, base, more)
  if (request.method !== "GET") return Message.notAllowed(request.method, "GET,HEAD")
  if (resource === "query" || resource === "queryAll") {
    if (more.length > 1) return Result.fail(Refusal.notFound)
    return more[0] === undefined ? query(org, request, base, resource === "queryAll") : next(org, base, more[0])
  }
  if (more.length > 0) return Result.fail(Refusal.notFound)
  switch (resource) {
    case "":
      return Message.ok(resources(org, base))
    case "sobjects":
      return Message.ok({
        encoding: "UTF-8",
        maxBatchSize: 200,
        sobjects: World.shown(org.world).map((entity) => Catalog.summary(entity, base))
      })
    case "limits":
      return Message.ok(limits(org))
    default:
      return Result.fail(Refusal.notFound)
  }
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const resources = (org: Org.Org, base: string) => ({
  identity: `${org.url}/id/${org.world.orgId}/${org.world.userId}`,
  limits: `${base}/limits`,
  query: `${base}/query`,
  queryAll: `${base}/queryAll`,
  sobjects: `${base}/sobjects`
})

const limits = (org: Org.Org) => {
  const limit = (max: number, used = 0) => ({ Max: max, Remaining: Math.max(0, max - used) })
  return {
    ConcurrentAsyncGetReportInstances: limit(200),
    DailyApiRequests: limit(org.usage.limit, Usage.used(org.usage, org.world.now)),
    DailyBulkV2QueryJobs: limit(10_000),
    DataStorageMB: limit(5),
    FileStorageMB: limit(20)
  }
}

const query = (org: Org.Org, { headers, query }: Message.Request, base: string, withDeleted: boolean) =>
  Result.map(Query.make(query.get("q") ?? "", World.find(org.world)), (asked) => {
    const { locators, world } = org
    const store = world.stores.get(asked.entity.name)
    const rows = store === undefined ? [] : Store.select(store, asked, withDeleted)
    const batchSize = Locators.batchSize(headers["sforce-query-options"])
    return Message.json(200, Locators.open(locators, asked, rows, { batchSize, now: world.now, base }))
  })

const next = (org: Org.Org, base: string, locator: string) =>
  Result.map(Locators.more(org.locators, locator, { now: org.world.now, base }), (page) => Message.json(200, page))

const sobject = (
  org: Org.Org,
  request: Message.Request,
  base: string,
  [name = "", second, ...rest]: ReadonlyArray<string>
): Message.Answered => {
  const entity = World.find(org.world)(name)
  if (entity === undefined || rest.length > 0) return Result.fail(Refusal.notFound)
  const asked = { org, request, base, entity }
  if (second === undefined) {
    if (request.method === "POST") return Sobjects.create(asked)
    if (request.method !== "GET") return Message.notAllowed(request.method, "GET,HEAD,POST")
    return Message.ok({ objectDescribe: Catalog.summary(entity, base), recentItems: [] })
  }
  const isGet = request.method === "GET"
  switch (second) {
    case "describe":
      return isGet
        ? Message.ok(Catalog.describe(entity, World.shown(org.world), base))
        : Message.notAllowed(request.method, "GET,HEAD")
    case "updated":
    case "deleted":
      return isGet ? feed(asked, second) : Message.notAllowed(request.method, "GET,HEAD")
    default:
      return Sobjects.one(asked, second)
  }
}

const feed = ({ entity, org, request }: Sobjects.Asked, kind: "updated" | "deleted"): Message.Answered =>
  Replication.window(request.query.get("start"), request.query.get("end"), org.ignoresSeconds).pipe(
    Result.flatMap((window) => Replication[kind](org.world, entity, window)),
    Result.map((found) => Message.json(200, found))
  )
