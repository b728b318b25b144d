#!/bin/bash
# Create what docker/sqlserver/init.sql names, then run the project's DDL and grants, as a DBA would by hand.
set -euo pipefail

# The server's certificate is its own, made at its first start: trusted here, inside the compose network.
run() {
    /opt/mssql-tools18/bin/sqlcmd -S "$MSSQL_HOST" -U sa -P "$MSSQL_SA_PASSWORD" -C -b -I "$@"
}

run -i /init/init.sql -v "DATABASE=$MSSQL_DATABASE" "LOGIN=$MSSQL_USER" "LOGIN_PASSWORD=$MSSQL_PASSWORD" "FOR_TESTS=$FOR_TESTS"
for file in /ddl/raw_esios.sql /ddl/raw_esios.*.sql; do
    run -d "$MSSQL_DATABASE" -i "$file"
done
run -d "$MSSQL_DATABASE" -i /ddl/grants.sql -v "MARTS=$MSSQL_SCHEMA" "EXTRACTOR=$MSSQL_USER" "DBT=$MSSQL_USER" "READER=$MSSQL_USER"
echo "database $MSSQL_DATABASE is ready for $MSSQL_USER"
