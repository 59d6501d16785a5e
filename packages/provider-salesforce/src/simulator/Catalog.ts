/**
 * The objects of the org, and what describes say of them (REST API guide,
 * "sObject Describe", "Describe Global").
 *
 * Account, Contact and Opportunity hold records. Organization has one, which
 * tells clients whose data they read; it is not replicated. An object is a value:
 * one whose fields change is another one of the same name.
 *
 * @since 0.1.0
 */
import * as Field from "./Field.ts"

// -----------------------------------------------------------------------------
// models
// -----------------------------------------------------------------------------

/** @category models @since 0.1.0 */
export interface Entity {
  readonly name: string
  readonly label: string
  readonly labelPlural: string
  /** First three characters of Ids. */
  readonly keyPrefix: string
  /** Has the replication feeds. */
  readonly isReplicated: boolean
  /** Clients may create, change and delete its records. */
  readonly isWritable: boolean
  readonly isQueryable: boolean
  /** What is deleted can be seen and undeleted for a while; otherwise it is gone. */
  readonly hasBin: boolean
  readonly fields: ReadonlyArray<Field.Field>
}

// -----------------------------------------------------------------------------
// objects
// -----------------------------------------------------------------------------

const address = (name: string): ReadonlyArray<Field.Field> => [
  Field.make(`${name}Street`, "textarea", { compoundFieldName: `${name}Address`, sortable: true }),
  Field.make(`${name}City`, "string", { compoundFieldName: `${name}Address`, length: 40 }),
  Field.make(`${name}State`, "string", { compoundFieldName: `${name}Address`, length: 80 }),
  Field.make(`${name}PostalCode`, "string", { compoundFieldName: `${name}Address`, length: 20 }),
  Field.make(`${name}Country`, "string", { compoundFieldName: `${name}Address`, length: 80 }),
  Field.make(`${name}Address`, "address", {
    createable: false,
    updateable: false,
    filterable: false,
    sortable: false,
    queryByDistance: true
  })
]

/** The flags of an object that can do everything. @category objects @since 0.1.0 */
export const usual = { isReplicated: true, isWritable: true, isQueryable: true, hasBin: true } as const

/** The field that names the record which a merged one went into. @category objects @since 0.1.0 */
export const masterField = "MasterRecordId"

const master = (entity: string) =>
  Field.reference(masterField, entity, { createable: false, updateable: false, label: "Master Record ID" })

/** What the fields of an object begin with. @category objects @since 0.1.0 */
export const start: ReadonlyArray<Field.Field> = [
  Field.system("Id", "id", { idLookup: true, caseSensitive: true, label: "Record ID", aggregatable: true }),
  Field.system("IsDeleted", "boolean", { label: "Deleted" })
]

/** What the fields of an object end with. @category objects @since 0.1.0 */
export const end: ReadonlyArray<Field.Field> = [
  Field.reference("OwnerId", "User", { nillable: false, defaultedOnCreate: true, label: "Owner ID" }),
  Field.system("CreatedDate", "datetime"),
  Field.system("LastModifiedDate", "datetime"),
  Field.system("SystemModstamp", "datetime", { label: "System Modstamp" })
]

/** @category objects @since 0.1.0 */
export const account: Entity = {
  name: "Account",
  label: "Account",
  labelPlural: "Accounts",
  keyPrefix: "001",
  ...usual,
  fields: [
    ...start,
    master("Account"),
    Field.make("Name", "string", { nillable: false, nameField: true, label: "Account Name" }),
    Field.picklist("Type", ["Prospect", "Customer - Direct", "Customer - Channel", "Technology Partner", "Other"]),
    Field.picklist("Industry", ["Agriculture", "Banking", "Biotechnology", "Energy", "Retail", "Technology"]),
    Field.make("Phone", "phone"),
    Field.make("Website", "url"),
    Field.make("AnnualRevenue", "currency", { scale: 0 }),
    Field.make("NumberOfEmployees", "int", { label: "Employees" }),
    ...address("Billing"),
    Field.longText("Description"),
    Field.picklist("Rating", ["Hot", "Warm", "Cold"], { restrictedPicklist: true }),
    Field.reference("ParentId", "Account", { label: "Parent Account ID" }),
    Field.make("External_Id__c", "string", {
      length: 64,
      custom: true,
      externalId: true,
      idLookup: true,
      unique: true,
      label: "External Id"
    }),
    ...end
  ]
}

/** @category objects @since 0.1.0 */
export const contact: Entity = {
  name: "Contact",
  label: "Contact",
  labelPlural: "Contacts",
  keyPrefix: "003",
  ...usual,
  fields: [
    ...start,
    master("Contact"),
    Field.reference("AccountId", "Account"),
    Field.make("LastName", "string", { nillable: false, length: 80, compoundFieldName: "Name" }),
    Field.make("FirstName", "string", { length: 40, compoundFieldName: "Name" }),
    Field.system("Name", "string", { nameField: true, length: 121, defaultedOnCreate: false, label: "Full Name" }),
    Field.make("Email", "email", { idLookup: true }),
    Field.make("Phone", "phone", { label: "Business Phone" }),
    Field.make("Title", "string", { length: 128 }),
    Field.make("Birthdate", "date"),
    Field.make("HasOptedOutOfEmail", "boolean", { label: "Email Opt Out" }),
    Field.picklist("LeadSource", ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"]),
    ...address("Mailing"),
    ...end
  ]
}

/** Stages of an opportunity, with the chance to win each stands for, in percent. @category objects @since 0.1.0 */
export const stages: ReadonlyMap<string, number> = new Map([
  ["Prospecting", 10],
  ["Qualification", 10],
  ["Needs Analysis", 20],
  ["Proposal/Price Quote", 75],
  ["Negotiation/Review", 90],
  ["Closed Won", 100],
  ["Closed Lost", 0]
])

/** @category objects @since 0.1.0 */
export const opportunity: Entity = {
  name: "Opportunity",
  label: "Opportunity",
  labelPlural: "Opportunities",
  keyPrefix: "006",
  ...usual,
  fields: [
    ...start,
    Field.reference("AccountId", "Account"),
    Field.make("Name", "string", { nillable: false, nameField: true, length: 120 }),
    Field.longText("Description"),
    Field.picklist("StageName", [...stages.keys()], { nillable: false, label: "Stage" }),
    Field.make("Amount", "currency"),
    Field.make("Probability", "percent", { precision: 3, defaultedOnCreate: true }),
    Field.make("ExpectedRevenue", "currency", { createable: false, updateable: false }),
    Field.make("CloseDate", "date", { nillable: false }),
    Field.picklist("Type", ["Existing Customer - Upgrade", "Existing Customer - Replacement", "New Customer"]),
    Field.system("IsClosed", "boolean", { label: "Closed" }),
    Field.system("IsWon", "boolean", { label: "Won" }),
    ...end
  ]
}

/** @category objects @since 0.1.0 */
export const organization: Entity = {
  name: "Organization",
  label: "Organization",
  labelPlural: "Organizations",
  keyPrefix: "00D",
  isReplicated: false,
  isWritable: false,
  isQueryable: true,
  hasBin: false,
  fields: [
    Field.system("Id", "id", { label: "Organization ID" }),
    Field.system("Name", "string", { nameField: true, length: 80 }),
    Field.system("InstanceName", "string", { length: 5 }),
    Field.system("IsSandbox", "boolean"),
    Field.system("OrganizationType", "string", { length: 40, label: "Edition" }),
    Field.system("CreatedDate", "datetime"),
    Field.system("LastModifiedDate", "datetime"),
    Field.system("SystemModstamp", "datetime")
  ]
}

/** The objects of every org. @category objects @since 0.1.0 */
export const entities: ReadonlyArray<Entity> = [account, contact, opportunity, organization]

// -----------------------------------------------------------------------------
// lookups
// -----------------------------------------------------------------------------

/** Finds an object by its name, whatever its case. @category models @since 0.1.0 */
export type Find = (name: string) => Entity | undefined

interface Lookups {
  readonly byName: ReadonlyMap<string, Field.Field>
  readonly stored: ReadonlyArray<Field.Field>
  readonly names: ReadonlySet<string>
}

const lookups = new WeakMap<Entity, Lookups>()

const lookupsOf = (entity: Entity): Lookups => {
  const known = lookups.get(entity)
  if (known !== undefined) return known
  const made = {
    byName: new Map(entity.fields.map((field) => [field.name.toLowerCase(), field])),
    stored: entity.fields.filter(({ type }) => type !== "address"),
    names: new Set(entity.fields.map(({ name }) => name))
  }
  lookups.set(entity, made)
  return made
}

/** The field of this name, whatever its case. @category lookups @since 0.1.0 */
export const field = (entity: Entity, name: string): Field.Field | undefined =>
  lookupsOf(entity).byName.get(name.toLowerCase())

/** The fields that hold a value of their own: all but compound addresses. @category lookups @since 0.1.0 */
export const stored = (entity: Entity): ReadonlyArray<Field.Field> => lookupsOf(entity).stored

/** The names of all fields, as they are written. @category lookups @since 0.1.0 */
export const names = (entity: Entity): ReadonlySet<string> => lookupsOf(entity).names

/** Whether its records never change. @category guards @since 0.1.0 */
export const isFixed = ({ name }: Entity): boolean => name === organization.name

/** Whether its records can be merged. @category guards @since 0.1.0 */
export const isMergeable = (entity: Entity): boolean => entity.isWritable && field(entity, masterField) !== undefined

/** Whether a name is that of an object or a field made by users. @category guards @since 0.1.0 */
export const isCustom = (name: string): boolean => name.endsWith("__c")

// -----------------------------------------------------------------------------
// describes
// -----------------------------------------------------------------------------

/**
 * An object without its fields, as in the list of all objects. `base` is
 * `/services/data/v66.0`.
 *
 * @category describes
 * @since 0.1.0
 */
export const summary = (entity: Entity, base: string): { readonly [property: string]: unknown } => {
  const { hasBin, isQueryable, isReplicated, isWritable, keyPrefix, label, labelPlural, name } = entity
  const root = `${base}/sobjects/${name}`
  return {
    activateable: false,
    associateEntityType: null,
    associateParentEntity: null,
    createable: isWritable,
    custom: isCustom(name),
    customSetting: false,
    deepCloneable: false,
    deletable: isWritable,
    deprecatedAndHidden: false,
    feedEnabled: isWritable,
    hasSubtypes: false,
    isInterface: false,
    isSubtype: false,
    keyPrefix,
    label,
    labelPlural,
    layoutable: isWritable,
    mergeable: isMergeable(entity),
    mruEnabled: isWritable,
    name,
    queryable: isQueryable,
    replicateable: isReplicated,
    retrieveable: true,
    searchable: isWritable,
    triggerable: isWritable,
    undeletable: hasBin,
    updateable: isWritable,
    urls: { sobject: root, describe: `${root}/describe`, rowTemplate: `${root}/{ID}` }
  }
}

/** An object with its fields, and those of `all` that refer to it. @category describes @since 0.1.0 */
export const describe = (
  entity: Entity,
  all: ReadonlyArray<Entity>,
  base: string
): { readonly [property: string]: unknown } => ({
  actionOverrides: [],
  childRelationships: all.flatMap((child) =>
    child.fields
      .filter((field) => field.referenceTo.includes(entity.name) && field.name !== masterField)
      .map((field) => ({
        cascadeDelete: false,
        childSObject: child.name,
        deprecatedAndHidden: false,
        field: field.name,
        relationshipName: child.name === entity.name ? `Child${child.labelPlural}` : child.labelPlural,
        restrictedDelete: false
      }))
  ),
  compactLayoutable: true,
  defaultImplementation: null,
  ...summary(entity, base),
  extendedBy: null,
  extendsInterfaces: null,
  fields: entity.fields,
  implementedBy: null,
  implementsInterfaces: null,
  listviewable: null,
  lookupLayoutable: null,
  namedLayoutInfos: [],
  networkScopeFieldName: null,
  recordTypeInfos: [],
  searchLayoutable: true,
  sobjectDescribeOption: "FULL",
  supportedScopes: [{ label: `All ${entity.labelPlural.toLowerCase()}`, name: "everything" }]
})
