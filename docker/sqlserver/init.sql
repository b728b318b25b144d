-- What a fresh container needs: the database, the login, and (through the files of ddl/sqlserver, see init.sh) schemas,
-- tables and grants. Running it again changes nothing.
if db_id(N'$(DATABASE)') is null
    create database [$(DATABASE)];
go

-- Readers see the last committed rows and never wait; a build blocks none of them.
alter database [$(DATABASE)] set read_committed_snapshot on with rollback immediate;
go

if suser_id(N'$(LOGIN)') is null
    create login [$(LOGIN)] with password = N'$(LOGIN_PASSWORD)', check_policy = off;
go

-- For the tests: they make databases, schemas and logins of their own, and end sessions.
if $(FOR_TESTS) = 1
    begin
        exec (N'alter server role dbcreator add member [$(LOGIN)]');
        exec (N'alter server role securityadmin add member [$(LOGIN)]');
        exec (N'grant alter any connection to [$(LOGIN)]');
    end
go

use [$(DATABASE)];
go

if database_principal_id(N'$(LOGIN)') is null
    create user [$(LOGIN)] for login [$(LOGIN)] with default_schema = dbo;
go

if $(FOR_TESTS) = 1
    exec (N'alter role db_owner add member [$(LOGIN)]');
go
