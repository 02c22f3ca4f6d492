/** The OpenAPI 3.1 description of the API, made from its table of operations. Pure. */
import { z } from 'zod'
import type { ApiRoute } from './route.ts'

/** An OpenAPI 3.1 document. */
export interface OpenApi {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly components: object
}

/** The description of these operations. */
export function openApi(routes: readonly ApiRoute[], version: string): OpenApi {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pyrsia node',
      version,
      description:
        'The API of one node, on loopback. Operations that change the node need the token in <data>/api-token.',
    },
    paths,
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  }
}

function operation(route: ApiRoute): object {
  return {
    summary: route.summary,
    ...(route.query === undefined ? {} : { parameters: parameters(route.query) }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { content: { 'application/json': { schema: schemaOf(route.body) } } } }),
    ...(route.changes ? { security: [{ token: [] }] } : {}),
    responses: {
      200: { description: route.replies, content: { 'application/json': {} } },
      default: { description: 'error: {code, message}', content: { 'application/json': {} } },
    },
  }
}

function parameters(query: z.ZodObject): object[] {
  const schema = schemaOf(query) as { properties?: Record<string, object>; required?: string[] }
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: 'query',
    required: schema.required?.includes(name) ?? false,
    schema: property,
  }))
}

function schemaOf(type: z.ZodObject): object {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io: 'input' })
  return schema
}
