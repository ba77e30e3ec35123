// Mercurius with its JIT, as its own pages set it up. One execution for each subscriber and event.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { listen, topicOf, typeDefs } from './schema.mjs'

const app = Fastify()
const subscribed = ([name, topic]) =>
  [name, { subscribe: (root, variables, { pubsub }) => pubsub.subscribe(topic(root, variables)) }]
await app.register(mercurius, {
  schema: typeDefs,
  jit: 1,
  path: '/v1/streams',
  subscription: { wsDefaultSubprotocol: 'graphql-transport-ws' },
  resolvers: { Query: { ok: () => true }, Subscription: Object.fromEntries(Object.entries(topicOf).map(subscribed)) }
})
await app.ready()
await listen((topic, payload) => app.graphql.pubsub.publish({ topic, payload }))
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 2048 })
