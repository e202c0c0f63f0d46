# One image for every process; the command picks which:
#   docker run <image> apps/api/dist/main.js
FROM node:20-slim AS build
WORKDIR /app
ENV TURBO_TELEMETRY_DISABLED=1
COPY . .
RUN npm ci --no-audit --no-fund
RUN npx turbo run build --output-logs=errors-only
# What only building and testing need does not travel on.
RUN npm prune --omit=dev --no-audit --no-fund \
 && rm -rf .turbo node_modules/.cache packages/*/.turbo apps/*/.turbo

FROM node:20-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/packages packages
COPY --from=build /app/apps apps
# What the system runs; put a project's own in its place, or name it by HOLDFAST_CONFIG.
COPY --from=build /app/holdfast.config.ts ./
COPY --from=build /app/examples examples
# Where the sandbox keeps its ledger: a volume mounted here starts with this owner.
RUN mkdir /data && chown node:node /data
USER node
ENTRYPOINT ["node", "--enable-source-maps"]
CMD ["apps/api/dist/main.js"]
