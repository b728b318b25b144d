-- Least-privilege roles and their members. For a DBA: review, then run with sqlcmd in the project's database, after the
-- schema files (raw_esios*.sql). Running it again changes nothing.
--
--   sqlcmd -d mock_db -i grants.sql -v MARTS=dbo EXTRACTOR=esios_extractor DBT=esios_dbt READER=esios_reader
--
-- MARTS: the schema of the published tables (MSSQL_SCHEMA). EXTRACTOR, DBT, READER: database users that exist already
-- (create user … for login …, or … from external provider for Entra); one user may be all three.
--
-- role            may                                                             may not
-- esios_extract   read and append raw rows, complete its run log; read marts      delete raw rows, create anything
-- esios_load      insert and update rows of the marts (`esios load`)              delete, create anything
-- esios_dbt       read raw rows; own the models' schemas and build in them        change raw rows
-- esios_read      read marts and the quality views                                anything else
--
-- Temporary staging tables need no grant: everyone may create them in tempdb. There is no DENY: what is not granted is
-- refused, and a DENY of one role would also hold for a user who is in another one.

if schema_id(N'raw_esios') is null exec (N'create schema raw_esios');
if schema_id(N'staging_esios') is null exec (N'create schema staging_esios');
if schema_id(N'quality_esios') is null exec (N'create schema quality_esios');
if schema_id(N'monitoring_esios') is null exec (N'create schema monitoring_esios');
if schema_id(N'$(MARTS)') is null exec (N'create schema [$(MARTS)]');
go

if database_principal_id(N'esios_extract') is null create role esios_extract;
if database_principal_id(N'esios_load') is null create role esios_load;
if database_principal_id(N'esios_dbt') is null create role esios_dbt;
if database_principal_id(N'esios_read') is null create role esios_read;
go

-- The extractor. UPDATE only where a row is completed later or, of the catalogue, renewed; responses are append-only.
grant select, insert on schema::raw_esios to esios_extract;
grant update on object::raw_esios.extract_runs to esios_extract;
grant update on object::raw_esios.catalogue_entries to esios_extract;
grant select on schema::[$(MARTS)] to esios_extract;
grant select on schema::quality_esios to esios_extract;
grant select on schema::staging_esios to esios_extract;
grant select on schema::monitoring_esios to esios_extract;
go

-- Logins that load files into published tables.
grant select, insert, update on schema::[$(MARTS)] to esios_load;
grant select, insert, update on object::raw_esios.predictions to esios_load;
go

-- dbt. CREATE TABLE and CREATE VIEW are rights on the database, but a table can only be made in a schema that one may
-- alter: hence CONTROL on the models' schemas alone.
grant create table to esios_dbt;
grant create view to esios_dbt;
grant select on schema::raw_esios to esios_dbt;
grant control on schema::staging_esios to esios_dbt;
grant control on schema::quality_esios to esios_dbt;
grant control on schema::monitoring_esios to esios_dbt;
grant select, insert, update, delete, alter, references on schema::[$(MARTS)] to esios_dbt;
grant view definition on schema::[$(MARTS)] to esios_dbt;
go

-- Readers.
grant select on schema::[$(MARTS)] to esios_read;
grant select on schema::quality_esios to esios_read;
grant select on schema::monitoring_esios to esios_read;
go

alter role esios_extract add member [$(EXTRACTOR)];
alter role esios_load add member [$(EXTRACTOR)];
alter role esios_dbt add member [$(DBT)];
alter role esios_read add member [$(READER)];
