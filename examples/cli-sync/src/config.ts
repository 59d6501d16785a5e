/**
 * What the flags and the configuration file say together. Flags win; what neither
 * says has a usual value or is told as missing, all of it at once.
 */
import {
  Configuration,
  ConfigurationFile,
  ConfigurationRotation,
  ConfigurationSecret,
  DetectionFile,
  Detections,
  Problem
} from "@tidemark/cli"
import { ChangeSource, Sync } from "@tidemark/core"
import { type ApiBudget, Credentials, Spec } from "@tidemark/provider-salesforce"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { Input } from "./flags.ts"

export interface Source {
  readonly url: string
  readonly apiVersion: string
  readonly credentials: Credentials.Credentials
  /** Addresses that were configured: that of the org, and that of the login server. */
  readonly addresses: ReadonlyArray<string>
  readonly apiBudget: ApiBudget.Options | undefined
  readonly trustedHosts: ReadonlyArray<string>
  /** Where a rotated refresh token is kept. */
  readonly rotation: string | undefined
}

export interface ObjectSettings {
  readonly name: string
  readonly settle: Duration.Duration
  /** How often everything is read again. */
  readonly fullEvery: Duration.Duration | undefined
  readonly lease: Duration.Duration
  readonly batchSize: number
}

/** What lease and batch size are for what says none of its own. */
export type Pace = Pick<ObjectSettings, "lease" | "batchSize">

/** Detections, and the file they are from. */
export interface DetectionSettings extends Pace {
  readonly path: string
  readonly detections: Detections.Detections
}

/** An address, or else a folder that an embedded server keeps its data in. */
export interface Database {
  readonly url: Redacted.Redacted | undefined
  readonly dataDir: string
}

export interface Config {
  /** The file, when there is one. */
  readonly file: string | undefined
  readonly source: Effect.Effect<Source, Problem.Problem>
  readonly objects: Effect.Effect<ReadonlyArray<ObjectSettings>, Problem.Problem>
  readonly detections: Effect.Effect<DetectionSettings | undefined, Problem.Problem>
  readonly database: Effect.Effect<Database, Problem.Problem>
}

/** What a file holds under `source`. */
export const settings = Spec.settings(ConfigurationSecret.Secret)

type Settings = Spec.Settings<ConfigurationSecret.Secret>
type Loaded = Configuration.Loaded<Settings> | undefined

/** Reads the file; its parts are put together with the flags when they are asked for. */
export const load = Effect.fnUntraced(function* (input: Input) {
  const loaded = yield* Configuration.load(settings, { file: Option.getOrUndefined(input.config) })
  const context = yield* Effect.context<Effect.Services<ReturnType<typeof Configuration.load>>>()
  const config: Config = {
    file: loaded?.place.file,
    source: Effect.provideContext(source(input, loaded), context),
    objects: objects(input, loaded),
    detections: Effect.provideContext(detections(input, loaded), context),
    database: Effect.provideContext(database(input, loaded), context)
  }
  return config
})

/** All parts, or the problems of all parts. */
export const all = Effect.fnUntraced(function* (config: Config) {
  const parts = [config.source, config.objects, config.detections, config.database] as const
  const [source, objects, detections, database] = yield* Effect.all(parts, { mode: "result" })
  const failures = [source, objects, detections, database].flatMap((part: Result.Result<unknown, Problem.Problem>) =>
    Result.isFailure(part) ? [part.failure.message] : []
  )
  if (failures.length > 0) return yield* Problem.mendable(failures.join("\n"))
  return {
    source: yield* Effect.fromResult(source),
    objects: yield* Effect.fromResult(objects),
    detections: yield* Effect.fromResult(detections),
    database: yield* Effect.fromResult(database)
  }
})

// -----------------------------------------------------------------------------
// the source
// -----------------------------------------------------------------------------

const missing = (flag: string, what: string, setting: string) =>
  Problem.mendable(`${flag} is missing: give ${what}, or ${setting} in a configuration file.`)

const noUrl = missing("--url", "the org's address, https://NAME.my.salesforce.com", "source.url")
const noToken = missing("--token", "an access token", "source.auth")

const source = Effect.fnUntraced(function* (input: Input, loaded: Loaded) {
  const written = loaded?.configuration.source
  const url = Option.getOrUndefined(input.url) ?? written?.url
  const token = Option.getOrUndefined(input.token)
  const lacking = [
    ...(url === undefined ? [noUrl] : []),
    ...(token === undefined && written?.auth === undefined ? [noToken] : [])
  ]
  if (url === undefined || lacking.length > 0) {
    return yield* Problem.mendable(lacking.map(({ message }) => message).join("\n"))
  }
  const secret =
    token === undefined && written?.auth !== undefined ? { auth: written.auth, loaded: loaded! } : undefined
  const { credentials, rotation } =
    secret === undefined
      ? { credentials: Credentials.bearer(token ?? Redacted.make("")), rotation: undefined }
      : yield* authorised(secret.auth, url, secret.loaded.place)
  const made: Source = {
    url,
    apiVersion: Option.getOrElse(input.apiVersion, () => Spec.apiVersion(written?.apiVersion ?? "66.0")),
    credentials,
    addresses:
      secret !== undefined && "loginUrl" in secret.auth && secret.auth.loginUrl !== undefined
        ? [url, secret.auth.loginUrl]
        : [url],
    apiBudget: written?.apiBudget,
    trustedHosts: written?.trustedHosts ?? [],
    rotation
  }
  return made
})

const authorised = Effect.fnUntraced(function* (
  auth: Spec.Auth<ConfigurationSecret.Secret>,
  url: string,
  place: ConfigurationSecret.Place
) {
  const secrets = Spec.secrets(auth).map(([name, secret]) => [["source", "auth", name], secret] as const)
  const values = yield* Effect.mapError(ConfigurationSecret.revealAll(secrets, place), (problems) =>
    Configuration.refused(place.file, problems)
  )
  const reveal = (secret: ConfigurationSecret.Secret) => values.get(secret) ?? Redacted.make("")
  const rotation =
    auth.type === "refresh"
      ? yield* ConfigurationRotation.make(auth.refreshToken, reveal(auth.refreshToken), place)
      : undefined
  const credentials = Spec.credentials(auth, {
    url,
    reveal: (secret) =>
      rotation !== undefined && auth.type === "refresh" && secret === auth.refreshToken
        ? rotation.value
        : reveal(secret),
    persist: (next) => (rotation === undefined ? Effect.void : Effect.mapError(rotation.keep(next), unkept))
  })
  return { credentials, rotation: rotation?.file }
})

const unkept = ({ message }: Problem.Problem) =>
  new ChangeSource.SourceError({ reason: "Unavailable", source: "salesforce", message })

// -----------------------------------------------------------------------------
// the objects
// -----------------------------------------------------------------------------

const noObjects = Problem.mendable("--objects names no object; give API names such as Account,Contact.")
const nothing = Problem.mendable(
  "Nothing is asked for: give --objects with API names such as Account,Contact, --detections with a file, or either in a configuration file."
)
const noSettle = Problem.mendable("--settle is for --objects; a detection says its own, as settle in its window.")

const objects = (input: Input, loaded: Loaded): Config["objects"] => {
  const { batchSize, fullEvery, lease, objects: written, settle } = loaded?.configuration ?? {}
  const own: Readonly<Record<string, Configuration.ObjectSettings | null>> = Array.isArray(written)
    ? Object.fromEntries(written.map((name) => [name, null]))
    : { ...written }
  const names = Option.match(input.objects, {
    onNone: () => Object.keys(own),
    onSome: (text) => [...new Set(text.split(",").flatMap((name) => name.trim() || []))]
  })
  if (names.length === 0) {
    if (Option.isSome(input.objects)) return Effect.fail(noObjects)
    if (Option.isNone(input.detections) && loaded?.configuration.detections === undefined) return Effect.fail(nothing)
    if (Option.isSome(input.settle)) return Effect.fail(noSettle)
  }
  const settings = (name: string): ObjectSettings => {
    const one = Object.hasOwn(own, name) ? own[name] : null
    return {
      name,
      settle: Option.getOrElse(input.settle, () => one?.settle ?? settle ?? Sync.standard.settle),
      fullEvery: Option.getOrElse(input.fullEvery, () => one?.fullEvery ?? fullEvery),
      lease: Option.getOrElse(input.lease, () => one?.lease ?? lease ?? Sync.standard.lease),
      batchSize: Option.getOrElse(input.batchSize, () => one?.batchSize ?? batchSize ?? Sync.standard.batchSize)
    }
  }
  return Effect.succeed(names.map(settings))
}

const detections = Effect.fnUntraced(function* (input: Input, loaded: Loaded) {
  const { batchSize, detections: written, lease } = loaded?.configuration ?? {}
  const pace: Pace = {
    lease: Option.getOrElse(input.lease, () => lease ?? Sync.standard.lease),
    batchSize: Option.getOrElse(input.batchSize, () => batchSize ?? Sync.standard.batchSize)
  }
  if (Option.isSome(input.detections)) {
    const path = input.detections.value
    const settings: DetectionSettings = { ...pace, path, detections: yield* DetectionFile.read(path) }
    return settings
  }
  if (written === undefined || loaded === undefined) return undefined
  const path = loaded.place.file
  const read = Effect.mapError(Effect.fromResult(Detections.fromUnknown(written)), (error) =>
    DetectionFile.inFile(path, error)
  )
  const settings: DetectionSettings = { ...pace, path, detections: yield* read }
  return settings
})

// -----------------------------------------------------------------------------
// the database
// -----------------------------------------------------------------------------

const database = Effect.fnUntraced(function* (input: Input, loaded: Loaded) {
  const { resolve } = yield* Path.Path
  const written = loaded?.configuration.database
  const usual: Database = { url: undefined, dataDir: ".tidemark" }
  if (Option.isSome(input.databaseUrl)) return { ...usual, url: Redacted.make(input.databaseUrl.value) }
  if (Option.isSome(input.dataDir)) return { ...usual, dataDir: input.dataDir.value }
  if (written === undefined || loaded === undefined) return usual
  const { place } = loaded
  if ("dataDir" in written) return { ...usual, dataDir: resolve(place.directory, written.dataDir) }
  // An address without a password is none to hide.
  if (typeof written.url === "string" && !hasPassword(written.url)) return { ...usual, url: Redacted.make(written.url) }
  const url = yield* Effect.mapError(ConfigurationSecret.reveal(written.url, ["database", "url"], place), (problem) =>
    Configuration.refused(place.file, [problem])
  )
  return { ...usual, url }
})

const hasPassword = (text: string): boolean => {
  if (!URL.canParse(text)) return true
  const { password, searchParams } = new URL(text)
  return password !== "" || [...searchParams.keys()].some((key) => key.includes("password"))
}

/** Whether a rotated token could be kept, where it would have to be. */
export const canKeep = (source: Source) =>
  source.rotation === undefined ? Effect.succeed(true) : ConfigurationFile.canReplace(source.rotation)
