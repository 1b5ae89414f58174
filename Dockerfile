# The image of all processes: compiled JavaScript in /app, Node as the entry point, no shell, no rights.
# A container runs e.g. `/app/webhook/main.js`. test/testbed/product-image.ts builds the same layout without Docker.
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund || npm install --no-save --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY api ./api
COPY common ./common
COPY webhook ./webhook
COPY controller ./controller
COPY sidecar ./sidecar
COPY cli ./cli
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json --outDir /app \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && cp package.json /app/ \
 && mv node_modules /app/node_modules \
 && find /app/node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete
# What the Node program needs of the system, and nothing else: its libraries, the root certificates, a user, /tmp.
RUN mkdir -p /root-fs/usr/local/bin /root-fs/etc/ssl/certs && mkdir -m 1777 /root-fs/tmp \
 && cp /usr/local/bin/node /root-fs/usr/local/bin/ \
 && ldd /usr/local/bin/node | grep -o '/[^ ]*' | xargs -I {} cp --parents --dereference {} /root-fs/ \
 && apt-get update && apt-get install -y --no-install-recommends ca-certificates \
 && cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ \
 && echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' > /root-fs/etc/passwd \
 && echo 'nonroot:x:65532:' > /root-fs/etc/group \
 && echo 'hosts: files dns' > /root-fs/etc/nsswitch.conf

FROM scratch
COPY --from=build /root-fs /
COPY --from=build /app /app
ENV NODE_ENV=production
WORKDIR /app
USER 65532
ENTRYPOINT ["/usr/local/bin/node"]
