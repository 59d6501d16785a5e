/**
 * Made-up records, shaped as measured ones are: bulk loads stamp several records
 * in the same second, about five each and thirteen at most, in no relation to
 * their Ids. Some texts are hostile: quotes, other scripts, characters outside
 * the basic plane.
 *
 * @since 0.1.0
 */
import * as Catalog from "./Catalog.ts"
import type * as Field from "./Field.ts"
import * as Instant from "./Instant.ts"
import type * as Random from "./Random.ts"

// -----------------------------------------------------------------------------
// stamps
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Stamping {
  /** All stamps are before it, in ms. */
  readonly start: number
  /** How far back stamps reach, in ms. */
  readonly spreadMs: number
  /** How many records share one stamp beyond the usual, 0 for none. */
  readonly tie: number
}

/** Largest group of equal stamps, unless a tie is asked for. @category constants @since 0.1.0 */
export const groupMax = 13

/**
 * A stamp for each of `count` records, in ms, whole seconds. A spread too short
 * for so many groups makes larger ones.
 *
 * @category stamps
 * @since 0.1.0
 */
export const stamps = (count: number, stamping: Stamping, random: Random.Random): ReadonlyArray<number> => {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let at = count - 1; at > 0; at--) {
    const other = random.below(at + 1)
    const moved = order[at]!
    order[at] = order[other]!
    order[other] = moved
  }
  const seconds = Math.max(1, Math.floor(stamping.spreadMs / Instant.second))
  const taken = new Set<number>()
  const result = Array.from({ length: count }, () => 0)
  let done = 0
  for (let group = 0; done < count; group++) {
    const size = group === 0 && stamping.tie > 0 ? stamping.tie : groupSize(group, count, random)
    const stamp = fresh(taken, () => stamping.start - (1 + random.below(seconds)) * Instant.second)
    for (const index of order.slice(done, done + size)) result[index] = stamp
    done += size
  }
  return result
}

const groupSize = (group: number, count: number, random: Random.Random): number => {
  if (group === 1 && count >= 100) return groupMax
  let size = 1
  for (let member = 1; member < groupMax; member++) if (random.chance(1 / 3)) size++
  return size
}

const fresh = (taken: Set<number>, draw: () => number): number => {
  let stamp = draw()
  for (let attempt = 0; taken.has(stamp) && attempt < 20; attempt++) stamp = draw()
  taken.add(stamp)
  return stamp
}

// -----------------------------------------------------------------------------
// values
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Context {
  /** The present, in ms. */
  readonly now: number
  readonly ownerId: string
  /** An account to belong to; `null` when there is none. */
  readonly accountId: () => string | null
  /** Never the same twice. */
  readonly unique: string
}

/** All values a user could have entered for a new record. @category values @since 0.1.0 */
export const values = (entity: Catalog.Entity, random: Random.Random, context: Context): Field.Values => {
  const all = known(entity.name, random, context)
  if (standard.includes(entity)) return all
  const made = Object.entries(all).filter(([name]) => isOriginal(entity, name))
  const names = new Set(made.map(([name]) => name))
  const isStandard = standard.some(({ name }) => name === entity.name)
  const rest = Catalog.stored(entity).filter(
    ({ custom, name }) => !names.has(name) && !computed.has(name) && (custom || !isStandard)
  )
  return Object.fromEntries([...made, ...rest.map((field) => [field.name, value(field, random, context)] as const)])
}

/** One to three new values, some of them perhaps equal to the old ones. @category values @since 0.1.0 */
export const changes = (entity: Catalog.Entity, random: Random.Random, context: Context): Field.Values => {
  const fresh = values(entity, random, context)
  const names = Object.keys(fresh).filter((name) => {
    const field = Catalog.field(entity, name)
    return name !== "OwnerId" && field?.updateable === true && !field.unique
  })
  const chosen: { [name: string]: Field.Value } = {}
  for (let count = names.length === 0 ? 0 : 1 + random.below(3); count > 0; count--) {
    const name = names[random.below(names.length)] ?? ""
    chosen[name] = fresh[name] ?? null
  }
  return chosen
}

// -----------------------------------------------------------------------------
// internal
// -----------------------------------------------------------------------------

/** Objects whose values are made by hand, custom fields apart. */
const standard: ReadonlyArray<Catalog.Entity> = [Catalog.account, Catalog.contact, Catalog.opportunity]

/** What the server writes itself. */
const computed: ReadonlySet<string> = new Set(["Id", "IsDeleted", "CreatedDate", "LastModifiedDate", "SystemModstamp"])

// A custom field that was removed may be back with another type.
const isOriginal = (entity: Catalog.Entity, name: string): boolean => {
  const field = Catalog.field(entity, name)
  return field !== undefined && (!field.custom || field === Catalog.field(Catalog.account, name))
}

const known = (entity: string, random: Random.Random, context: Context): Field.Values => {
  switch (entity) {
    case "Account":
      return account(random, context)
    case "Contact":
      return contact(random, context)
    case "Opportunity":
      return opportunity(random, context)
    default:
      return { OwnerId: context.ownerId }
  }
}

type Words = readonly [string, ...Array<string>]

const companies: Words = ["Northwind", "Halden", "Blue Heron", "Crescent", "Ostrava", "Lumen", "Pioneer", "Tallow"]
const trades: Words = ["Logistics", "Foods", "Instruments", "Energy", "Textiles", "Software", "Labs", "Partners"]
const forms: Words = ["Inc.", "Ltd", "GmbH", "S.A.", "& Sons", "LLC"]
const hostile: Words = [
  'O\'Reilly & "Co"',
  "Żółć Übersee",
  "東京物流",
  "Back\\slash % Works_",
  "Rocket 🚀 Freight",
  "L’Étoile"
]
const givenNames: Words = ["Ada", "Björn", "Chidi", "Dolores", "Émile", "Fatima", "Goran", "Hana", "Ilse", "João"]
const familyNames: Words = ["Okafor", "O'Brien", "Lindqvist", "García", "Novák", "Smith", "Tanaka", "van der Berg"]
const titles: Words = ["Director", "VP Sales", "Buyer", "Engineer", "Controller"]
const cities: Words = ["Oslo", "Austin", "København", "Lyon", "Nagoya", "Porto", "São Paulo"]
const countries: Words = ["Norway", "USA", "Denmark", "France", "Japan", "Portugal", "Brazil"]

const maybe = <A>(random: Random.Random, probability: number, value: () => A): A | null =>
  random.chance(probability) ? value() : null

const picked = (entity: Catalog.Entity, name: string, random: Random.Random): string | null => {
  const [first, ...rest] = Catalog.field(entity, name)?.picklistValues ?? []
  return first === undefined ? null : random.pick([first, ...rest]).value
}

const value = (field: Field.Field, random: Random.Random, context: Context): Field.Value => {
  if (field.nillable && random.chance(0.3)) return null
  switch (field.type) {
    case "boolean":
      return random.chance(0.5)
    case "int":
      return random.below(10_000)
    case "double":
    case "currency":
    case "percent":
      return random.below(1_000_000) / 100
    case "date":
      return Instant.toDay(context.now - random.below(1000) * Instant.day)
    case "datetime":
      return Instant.toRest(Instant.toSecond(context.now - random.below(86_400_000) * Instant.second))
    case "reference":
      return reference(field, context)
    case "picklist": {
      const [first, ...rest] = field.picklistValues
      return first === undefined ? null : random.pick([first, ...rest]).value
    }
    case "phone":
      return phone(random)
    case "email":
      return `person${random.below(1_000_000)}@example.com`
    case "url":
      return `https://www.example.com/${random.below(100_000)}`
    default:
      return (field.unique ? context.unique : random.pick(random.chance(0.05) ? hostile : trades)).slice(
        0,
        field.length
      )
  }
}

const reference = ({ nillable, referenceTo }: Field.Field, context: Context): string | null => {
  if (referenceTo.includes("Account")) return context.accountId()
  return referenceTo.includes("User") && !nillable ? context.ownerId : null
}

const phone = (random: Random.Random): string => `+1 555 ${String(random.below(10_000_000)).padStart(7, "0")}`

const place = (prefix: string, random: Random.Random): Field.Values => ({
  [`${prefix}Street`]: maybe(random, 0.6, () => `${1 + random.below(400)} Harbour Road`),
  [`${prefix}City`]: maybe(random, 0.8, () => random.pick(cities)),
  [`${prefix}State`]: null,
  [`${prefix}PostalCode`]: maybe(random, 0.5, () => String(10_000 + random.below(89_999))),
  [`${prefix}Country`]: maybe(random, 0.8, () => random.pick(countries))
})

const account = (random: Random.Random, context: Context): Field.Values => {
  const name = random.chance(0.05)
    ? random.pick(hostile)
    : `${random.pick(companies)} ${random.pick(trades)} ${random.pick(forms)}`
  return {
    Name: name,
    Type: maybe(random, 0.7, () => picked(Catalog.account, "Type", random)),
    Industry: maybe(random, 0.8, () => picked(Catalog.account, "Industry", random)),
    Phone: maybe(random, 0.7, () => phone(random)),
    Website: maybe(random, 0.5, () => `https://www.example.com/${random.below(100_000)}`),
    AnnualRevenue: maybe(random, 0.6, () => random.below(100_000) * 1000),
    NumberOfEmployees: maybe(random, 0.6, () => random.below(20_000)),
    ...place("Billing", random),
    Description: maybe(random, 0.3, () => `Met at the fair.\nCall back: "${random.pick(titles)}".`),
    Rating: maybe(random, 0.5, () => picked(Catalog.account, "Rating", random)),
    ParentId: maybe(random, 0.1, context.accountId),
    External_Id__c: maybe(random, 0.5, () => context.unique),
    OwnerId: context.ownerId
  }
}

const contact = (random: Random.Random, context: Context): Field.Values => ({
  AccountId: maybe(random, 0.9, context.accountId),
  LastName: random.pick(familyNames),
  FirstName: maybe(random, 0.9, () => random.pick(givenNames)),
  Email: maybe(random, 0.8, () => `person${random.below(1_000_000)}@example.com`),
  Phone: maybe(random, 0.5, () => phone(random)),
  Title: maybe(random, 0.5, () => random.pick(titles)),
  Birthdate: maybe(random, 0.4, () => Instant.toDay(context.now - (20 * 365 + random.below(16_000)) * Instant.day)),
  HasOptedOutOfEmail: random.chance(0.2),
  LeadSource: maybe(random, 0.5, () => picked(Catalog.contact, "LeadSource", random)),
  ...place("Mailing", random),
  OwnerId: context.ownerId
})

const opportunity = (random: Random.Random, context: Context): Field.Values => ({
  AccountId: maybe(random, 0.95, context.accountId),
  Name: `${random.pick(companies)} ${random.pick(trades)} - ${1 + random.below(900)} units`,
  Description: maybe(random, 0.2, () => "Second call next week."),
  StageName: picked(Catalog.opportunity, "StageName", random),
  Amount: maybe(random, 0.85, () => random.below(10_000_000) / 100),
  CloseDate: Instant.toDay(context.now + (random.below(400) - 200) * Instant.day),
  Type: maybe(random, 0.6, () => picked(Catalog.opportunity, "Type", random)),
  OwnerId: context.ownerId
})
