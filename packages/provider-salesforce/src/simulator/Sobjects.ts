/**
 * Single records: reading, creating, changing, deleting (REST API guide, "sObject
 * Basic Information", "sObject Rows").
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as Catalog from "./Catalog.ts"
import * as Condition from "./Condition.ts"
import * as Input from "./Input.ts"
import * as Locators from "./Locators.ts"
import * as Message from "./Message.ts"
import * as Org from "./Org.ts"
import * as RecordId from "./RecordId.ts"
import * as Refusal from "./Refusal.ts"
import * as Store from "./Store.ts"
import * as World from "./World.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Asked {
  readonly org: Org.Org
  readonly request: Message.Request
  /** `/services/data/v66.0`. */
  readonly base: string
  readonly entity: Catalog.Entity
}

// -----------------------------------------------------------------------------
// handling
// -----------------------------------------------------------------------------

/** `POST /sobjects/{T}`. @category handling @since 0.1.0 */
export const create = ({ entity, org, request }: Asked): Message.Answered =>
  Result.gen(function* () {
    if (!entity.isWritable) return yield* Message.notAllowed(request.method, "GET,HEAD")
    const fields = yield* body(request)
    const missing = Input.missing(entity, yield* Input.check(entity, fields, "create", World.find(org.world))).map(
      ({ name }) => name
    )
    if (missing.length > 0) {
      const message = `Required fields are missing: [${missing.join(", ")}]`
      return yield* Refusal.fail(400, "REQUIRED_FIELD_MISSING", message, missing)
    }
    const { id } = yield* Org.mutate(org, { op: "create", entity: entity.name, fields, by: author(request) })
    return Message.json(201, { id, success: true, errors: [] })
  })

/** `/sobjects/{T}/{id}`. @category handling @since 0.1.0 */
export const one = (asked: Asked, text: string): Message.Answered => {
  const { entity, org, request } = asked
  const id = RecordId.parse(text)
  if (id === undefined) {
    return Refusal.fail(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: Id")
  }
  if (request.method === "GET") return get(asked, id)
  if (!entity.isWritable || (request.method !== "PATCH" && request.method !== "DELETE")) {
    return Message.notAllowed(request.method, entity.isWritable ? "GET,HEAD,PATCH,DELETE" : "GET,HEAD")
  }
  const change = { entity: entity.name, id, by: author(request) }
  return request.method === "DELETE"
    ? Result.map(Org.mutate(org, { ...change, op: "delete" }), () => Message.empty)
    : Result.gen(function* () {
        const fields = yield* body(request)
        // Fields hidden from the user are not there for the user.
        yield* Input.check(entity, fields, "update", World.find(org.world))
        yield* Org.mutate(org, { ...change, op: "update", fields })
        return Message.empty
      })
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

const get = ({ base, entity, org, request }: Asked, id: string): Message.Answered =>
  Result.gen(function* () {
    const version = World.visible(org.world, entity, id)
    if (version === undefined) return yield* Result.fail(Refusal.notFound)
    if (Store.isDeleted(version)) return yield* Result.fail(Refusal.isDeleted)
    const names = request.query.get("fields")
    const lookup = Condition.lookupIn(entity, names ?? "")
    const columns =
      names === null ? entity.fields : yield* Result.all(names.split(",").map((name) => lookup(name.trim())))
    return Message.json(200, Locators.row({ entity, columns }, version, base))
  })

const body = (request: Message.Request): Result.Result<Input.Input, Refusal.Refusal> => {
  const parsed = Result.try((): unknown => JSON.parse(request.body))
  return Result.isSuccess(parsed) && isInput(parsed.success)
    ? Result.succeed(parsed.success)
    : Refusal.fail(400, "JSON_PARSER_ERROR", "The HTTP entity body is required to be a JSON object.")
}

const isInput = (value: unknown): value is Input.Input =>
  typeof value === "object" && value !== null && !Array.isArray(value)

// Clients name themselves in a header (REST API guide, "Call Options Header").
const author = ({ headers }: Message.Request): string =>
  `api:${/client=([^,;]{1,80})/i.exec(headers["sforce-call-options"] ?? "")?.[1]?.trim() ?? "rest"}`
