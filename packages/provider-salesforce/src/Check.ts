/**
 * Whether an org can be synced, told step by step: what works, what does not and
 * what to do about it, and which changes cannot be seen.
 *
 * A step that fails ends those that build on it and no others. Nothing is written;
 * it takes a few calls, and three for each object.
 *
 * @since 0.1.0
 */
import type * as ChangeSource from "@tidemark/core/ports/ChangeSource"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as ApiBudget from "./ApiBudget.ts"
import * as Answer from "./Answer.ts"
import * as Canonical from "./Canonical.ts"
import * as Credentials from "./Credentials.ts"
import * as Describe from "./Describe.ts"
import * as Discover from "./Discover.ts"
import * as Reader from "./Reader.ts"
import * as SalesforceClient from "./SalesforceClient.ts"
import * as SalesforceError from "./SalesforceError.ts"
import * as Soql from "./Soql.ts"
import * as Versions from "./Versions.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** What was found. A warning is something to know, and no reason not to go on. @category models @since 0.1.0 */
export interface Step {
  readonly step:
    | "address"
    | "clock"
    | "version"
    | "identity"
    | "object"
    | "read"
    | "fields"
    | "cursor"
    | "deletions"
    | "calls"
  /** Of steps about one object. */
  readonly object?: string
  readonly status: "ok" | "warn" | "fail"
  readonly message: string
}

/** @category models @since 0.1.0 */
export type Tell = (step: Step) => Effect.Effect<void>

/** @category models @since 0.1.0 */
export interface Options extends Reader.Options {
  readonly objects: ReadonlyArray<string>
}

// -----------------------------------------------------------------------------
// check
// -----------------------------------------------------------------------------

/** Tells each step as soon as it is known. Nothing that fails at the org fails here. @category check @since 0.1.0 */
export const run = Effect.fnUntraced(function* (
  options: Options,
  tell: Tell
): Effect.fn.Return<void, never, HttpClient.HttpClient> {
  const http = yield* HttpClient.HttpClient
  if (!(yield* checkAddress(http, options, tell))) return
  let usage: ApiBudget.Usage | undefined
  const noting = HttpClient.tap(http, ({ headers }) =>
    Effect.sync(() => (usage = ApiBudget.fromHeader(headers["sforce-limit-info"]) ?? usage))
  )
  const made = yield* Effect.result(
    Effect.provideService(SalesforceClient.make(options), HttpClient.HttpClient, noting)
  )
  if (Result.isFailure(made)) return yield* tell(failed("identity", made.failure))
  const client = made.success
  if (!(yield* checkIdentity(client, options, tell))) return
  yield* Effect.forEach(options.objects, (object) => checkObject(client, object, tell), { discard: true })
  yield* tell(callsOf(options.apiBudget ?? {}, usage))
})

// -----------------------------------------------------------------------------
// internal: the org
// -----------------------------------------------------------------------------

const failed = (step: Step["step"], { message }: ChangeSource.SourceError, object?: string): Step => ({
  step,
  status: "fail",
  message,
  ...(object === undefined ? {} : { object })
})

/** Clocks that differ by more are worth a word, in ms. */
const skewMax = 60_000

const checkAddress = Effect.fnUntraced(function* (http: HttpClient.HttpClient, options: Options, tell: Tell) {
  const { limits, timeouts, url } = options
  // Without credentials: who answers is looked at before any are sent there.
  const open = Effect.gen(function* () {
    const credentials = Credentials.bearer(Redacted.make(""))
    const answer = yield* (yield* Reader.make(http, { url, timeouts, limits, credentials })).open
    return { versions: yield* Versions.decode(answer), time: yield* Answer.time(answer) }
  })
  const answered = yield* Effect.result(open)
  if (Result.isFailure(answered)) {
    yield* tell(failed("address", answered.failure))
    return false
  }
  yield* tell({ step: "address", status: "ok", message: `${url} answers` })
  const skew = answered.success.time - (yield* Clock.currentTimeMillis)
  if (Math.abs(skew) > skewMax) {
    const message = `The org's clock is ${Duration.format(Duration.seconds(Math.round(Math.abs(skew) / 1000)))} ${skew > 0 ? "ahead of" : "behind"} the one here. Its own is used; set the one here right, or times in reports will differ.`
    yield* tell({ step: "clock", status: "warn", message })
  }
  const version = versionOf(options.apiVersion ?? "66.0", answered.success.versions)
  yield* tell(version)
  return version.status !== "fail"
})

const versionOf = (asked: string, versions: ReadonlyArray<Versions.Version>): Step => {
  const [first, last] = [versions[0]?.version ?? "", versions.at(-1)?.version ?? ""]
  const offered = `the org offers ${first} to ${last}`
  const found = asked === "latest" ? versions.at(-1) : versions.find(({ version }) => version === asked)
  return found === undefined
    ? {
        step: "version",
        status: "fail",
        message: `There is no API version ${asked}: ${offered}. Set apiVersion to "${last}".`
      }
    : { step: "version", status: "ok", message: `API version ${found.version} (${found.label}); ${offered}` }
}

const checkIdentity = Effect.fnUntraced(function* (client: Client, { credentials }: Options, tell: Tell) {
  const organization = yield* Effect.result(client.organization)
  if (Result.isFailure(organization)) {
    yield* tell(failed("identity", organization.failure))
    return false
  }
  const { value } = organization.success
  const user = credentials._tag === "Jwt" ? `, as ${credentials.username}` : ""
  yield* tell(
    Canonical.id(value) === undefined
      ? {
          step: "identity",
          status: "warn",
          message: `The session is good, and the user may not read Organization: the host ${value} stands for the org${user}. Cursors are lost when it is renamed; let the user read Organization before the first sync.`
        }
      : { step: "identity", status: "ok", message: `The org is ${value}${user}` }
  )
  return true
})

const callsOf = (budget: ApiBudget.Options, usage: ApiBudget.Usage | undefined): Step => {
  const step = "calls"
  if (usage === undefined) {
    return { step, status: "warn", message: "The org does not tell how many calls are used, so no budget can be kept." }
  }
  const { limit, used } = usage
  const most = ApiBudget.allowed(budget, limit)
  const message = `${used} of ${limit} calls are used, and reading stops at ${most}`
  if (used >= most) {
    return { step, status: "fail", message: `${message}. Wait, or raise apiBudget, or ask Salesforce for more calls.` }
  }
  return used >= most * 0.9
    ? { step, status: "warn", message: `${message}. A sync may end early, and goes on with the next run.` }
    : { step, status: "ok", message }
}

// -----------------------------------------------------------------------------
// internal: one object
// -----------------------------------------------------------------------------

type Client = SalesforceClient.SalesforceClient["Service"]

const checkObject = Effect.fnUntraced(function* (client: Client, asked: string, tell: Tell) {
  const described = yield* Effect.result(Discover.describe(client, asked))
  if (Result.isFailure(described)) return yield* tell(failed("object", described.failure, asked))
  const describe = described.success
  const object = describe.name
  if (!describe.queryable) {
    return yield* tell({ step: "object", object, status: "fail", message: "It cannot be queried. Leave it out." })
  }
  yield* tell({ step: "object", object, status: "ok", message: `It exists${labelOf(describe)}` })
  yield* tell(yield* readOf(client, object))
  yield* tell(fieldsOf(describe))
  yield* tell(cursorOf(describe))
  yield* tell(deletionsOf(describe))
})

const labelOf = ({ label, name }: Describe.Describe): string =>
  typeof label === "string" && label !== name ? `: ${SalesforceError.excerpt(label)}` : ""

const readOf = Effect.fnUntraced(function* (client: Client, object: string) {
  const text = Soql.format({ select: ["Id"], from: object, where: undefined, orderBy: [], limit: 1 })
  if (Result.isFailure(text)) return failed("read", SalesforceError.invalid(object, text.failure.message), object)
  const page = yield* Effect.result(client.query(text.success))
  if (Result.isFailure(page)) return failed("read", page.failure, object)
  const what = page.success.rows.length === 0 ? "It can be read, and the user sees no record" : "It can be read"
  return { step: "read", object, status: "ok", message: what } satisfies Step
})

const namesMax = 5

const list = (names: ReadonlyArray<string>): string =>
  names.length <= namesMax
    ? names.join(", ")
    : `${names.slice(0, namesMax).join(", ")} and ${names.length - namesMax} more`

const fieldsOf = (describe: Describe.Describe): Step => {
  const { kept, leftOut } = Canonical.partition(describe.fields)
  const formulas = kept.filter(({ calculated }) => calculated === true).map(({ name }) => name)
  const left = leftOut.length === 0 ? "" : `; left out: ${list(leftOut.map(({ field }) => field))}`
  const message = `${kept.length} fields${left}`
  const common = { step: "fields", object: describe.name } as const
  return formulas.length === 0
    ? { ...common, status: "ok", message }
    : {
        ...common,
        status: "warn",
        message: `${message}. Formulas move no stamp, so their changes are seen only when their record is next changed: ${list(formulas)}.`
      }
}

const cursorOf = (describe: Describe.Describe): Step => {
  const common = { step: "cursor", object: describe.name } as const
  return Discover.isCursor(Describe.field(describe, Discover.cursor))
    ? { ...common, status: "ok", message: `Changes are read by ${Discover.cursor}` }
    : {
        ...common,
        status: "fail",
        message: `It has no ${Discover.cursor} to filter and sort by, so its changes cannot be read. Leave it out.`
      }
}

const deletionsOf = (describe: Describe.Describe): Step => {
  const common = { step: "deletions", object: describe.name } as const
  const { isInBin, isListed } = Discover.deletions(describe)
  if (isListed) {
    const how = isInBin
      ? "by the recycle bin (queryAll) and the list of deletions (getDeleted)"
      : "by the list of deletions (getDeleted)"
    return { ...common, status: "ok", message: `Deletions are seen ${how}, of the last 15 days` }
  }
  return isInBin
    ? {
        ...common,
        status: "warn",
        message:
          "Deletions are seen while they are in the recycle bin (queryAll); there is no list of them, so records purged before a run stay here."
      }
    : {
        ...common,
        status: "warn",
        message:
          "Deletions cannot be seen: the object has neither a recycle bin nor a list of deletions. Deleted records stay here."
      }
}
